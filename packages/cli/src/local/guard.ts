/**
 * A local cluster's index k is held by a bound port on 127.0.k.254: whoever connects is told who
 * holds it. The kernel frees it with the launcher, so there is nothing stale to clean up. The
 * nodes' own addresses and ports are tried as well: another program may be there.
 */
import type { Server } from "node:net";
import { connect, createServer } from "node:net";
import type { NodeConfig } from "@skein/common/model/node-config";
import { listenersOn, listenerText } from "@skein/common/node/socket-owner";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { LOCAL_INDEX_MAX } from "../limits.ts";
import type { NodePorts } from "./layout.ts";
import { listensOn, nodeAddress, PORT_CHOICES } from "./layout.ts";

const GUARD_PORT = 7077;
/** Nobody's address: what listens here listens on every address. */
const NOBODY = "127.0.127.253";

export interface Place {
  readonly index: number;
  readonly ports: NodePorts;
  /** Frees the index. */
  release(): void;
}

/**
 * The lowest free index for this many nodes, if possible none that a cluster which is down comes
 * back to. The error is what a user reads.
 */
export async function findPlace(
  nodes: number,
  owner: string,
  reserved: ReadonlySet<number>,
): Promise<Result<Place, string>> {
  const ports = await freePorts();
  if (ports === undefined) {
    const { managerPort: port } = PORT_CHOICES[0] ?? { managerPort: 2377 };
    const [holder] = await listenersOn(NOBODY, port);
    return fail(
      `port ${port} and those in its place are taken on every address, ${port} by ` +
        `${listenerText(holder)}: end that program`,
    );
  }
  const all = Array.from({ length: LOCAL_INDEX_MAX }, (_, at) => at + 1);
  const rest = all.filter((index) => reserved.has(index));
  for (const index of [...all.filter((one) => !reserved.has(one)), ...rest]) {
    const guard = await listen(guardAddress(index), owner);
    if (typeof guard === "string" && guard !== "EADDRINUSE") return fail(noLoopback(index, guard));
    if (typeof guard === "string") continue;
    if ((await askOwner(guardAddress(index))) !== owner) {
      guard.close();
      return fail(noLoopback(index, "it does not answer"));
    }
    const addresses = Array.from({ length: nodes }, (_, at) => nodeAddress(index, at));
    const wanted = addresses.flatMap((host) =>
      Object.values(ports).map((port) => ({ host, port })),
    );
    if ((await firstTaken(wanted)) === undefined) {
      return ok({ index, ports, release: () => guard.close() });
    }
    guard.close();
  }
  return fail(`${LOCAL_INDEX_MAX} local clusters run already: take one down (skein down)`);
}

export interface KnownPlace {
  readonly index: number;
  readonly nodes: readonly NodeConfig[];
  readonly owner: string;
}

/**
 * The index of a cluster that resumes: it cannot be another, its nodes know each other by address.
 */
export async function takePlace(known: KnownPlace): Promise<Result<Place, string>> {
  const { index, nodes } = known;
  const [first] = nodes;
  if (first === undefined) return fail("the cluster has no nodes");
  const guard = await listen(guardAddress(index), known.owner);
  if (typeof guard === "string") {
    if (guard !== "EADDRINUSE") return fail(noLoopback(index, guard));
    const holder = await askOwner(guardAddress(index));
    return fail(`its addresses 127.0.${index}.0/24 are in use by ${holder}: take that down first`);
  }
  if ((await askOwner(guardAddress(index))) !== known.owner) {
    guard.close();
    return fail(noLoopback(index, "it does not answer"));
  }
  const wanted = nodes.flatMap((node) =>
    listensOn(node).map((port) => ({ host: node.address, port, node: node.name })),
  );
  const taken = await firstTaken(wanted);
  if (taken === undefined) {
    const { managerPort, controlPort, dataPort } = first;
    const ports = { managerPort, controlPort, dataPort };
    return ok({ index, ports, release: () => guard.close() });
  }
  guard.close();
  const { host, port, node } = taken;
  const [holder] = await listenersOn(host, port);
  return fail(`${node} needs ${host}:${port}, where ${listenerText(holder)} listens: end it first`);
}

function guardAddress(index: number): string {
  return `127.0.${index}.254`;
}

async function freePorts(): Promise<NodePorts | undefined> {
  for (const ports of PORT_CHOICES) {
    const everywhere = Object.values(ports).map((port) => ({ host: NOBODY, port }));
    if ((await firstTaken(everywhere)) === undefined) return ports;
  }
  return undefined;
}

async function firstTaken<Where extends { readonly host: string; readonly port: number }>(
  places: readonly Where[],
): Promise<Where | undefined> {
  for (const place of places) {
    const taken = await tryListen(place.host, place.port);
    if (taken) return place;
  }
  return undefined;
}

function tryListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(true));
    server.listen({ host, port }, () => server.close(() => resolve(false)));
  });
}

function noLoopback(index: number, code: string): string {
  return (
    `${guardAddress(index)} cannot be used (${code}): local clusters need the addresses ` +
    "127.0.0.0/8 of the loopback device (ip link set lo up)"
  );
}

/** The listening guard, or the system's code. */
function listen(host: string, owner: string): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end(owner);
    });
    server.once("error", (error) => resolve(String(Reflect.get(error, "code"))));
    server.listen(GUARD_PORT, host, () => resolve(server));
  });
}

function askOwner(host: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: GUARD_PORT, timeout: 1000 });
    let said = "";
    const end = (): void => {
      socket.destroy();
      if (said !== "") resolve(said);
      else {
        void listenersOn(host, GUARD_PORT).then(([holder]) => resolve(listenerText(holder)));
      }
    };
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      said = (said + chunk).slice(0, 1024);
    });
    socket.once("close", end);
    socket.once("error", end);
    socket.once("timeout", end);
  });
}
