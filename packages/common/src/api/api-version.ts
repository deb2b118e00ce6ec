/** Which Docker Engine API this is, and what every answer of an API socket says of it. */

/** 1.50 is what docker CLI 28.2 speaks; older clients negotiate down. */
export const API_VERSION = "1.50";
/**
 * docker-py, Traefik and Debian's CLI speak 1.41 to 1.45; the schemas have not changed since 1.24.
 */
export const API_VERSION_MIN = "1.24";
export const SKEIN_VERSION = "0.1.0";
export const SERVER_HEADER = `Skein/${SKEIN_VERSION} (linux)`;

/** Headers of every answer, errors included: clients negotiate with them. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  "Api-Version": API_VERSION,
  Ostype: "linux",
  "Docker-Experimental": "false",
  Server: SERVER_HEADER,
};

export const PING_HEADERS: Readonly<Record<string, string>> = {
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
  "Content-Type": "text/plain; charset=utf-8",
};

/** Exactly this: the CLI compares with `==` and prints raw JSON for anything with a charset. */
export const JSON_TYPE = "application/json";

/**
 * What a worker answers on cluster routes (503), word for word Docker's: clients and people know
 * it.
 */
export const NOT_A_MANAGER =
  "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. " +
  "Please run this command on a manager node or promote the current node to a manager.";

/** The same for a network, with 403. */
export const NO_NETWORK_FROM_WORKER =
  "Cannot create a multi-host network from a worker node. " +
  "Please create the network from a manager node.";

/**
 * No leader, or no contact with a quorum of managers: Docker's text with the gRPC prefix it shows.
 */
export const NO_LEADER =
  "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few " +
  "managers are online. Make sure more than half of the managers are online.";
