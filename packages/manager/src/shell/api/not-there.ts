/**
 * What Docker has and this cluster does not have yet; what no node has is in common's table.
 *
 * A table.
 */
import { NOT_THERE } from "@skein/common/api/not-there";
import type { Handler } from "./handler.ts";
import { failure, json } from "./reply.ts";

const CONTAINERS =
  "single containers are not supported yet: run it as a service, " +
  "as in docker service create --name web host node server.js";
const PART_OF_SWARM =
  'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm ' +
  "and join another one.";

const answer =
  (body: unknown): Handler =>
  () =>
    json(body);

const refused =
  (what: string, reason: string): Handler =>
  (_port, request) =>
    failure(501, "unsupported", `Cannot ${what.replace("{}", request.subject)}: ${reason}`);

const fixed =
  (status: number, code: string, message: string): Handler =>
  () =>
    failure(status, code, message);

const nodeHandler =
  (name: keyof typeof NOT_THERE): Handler =>
  (_port, request) => {
    const { status, body } = NOT_THERE[name](request.subject);
    if (typeof body !== "string") return json(body, status);
    return failure(status, status === 404 ? "not-found" : "unsupported", body);
  };

// The keys are the table's: `fromEntries` forgets them.
const NODE_HANDLERS = Object.fromEntries(
  (Object.keys(NOT_THERE) as (keyof typeof NOT_THERE)[]).map((name) => [name, nodeHandler(name)]),
) as Readonly<Record<keyof typeof NOT_THERE, Handler>>;

export const NOT_THERE_HANDLERS = {
  ...NODE_HANDLERS,
  "network-connect": refused("connect to network {}", CONTAINERS),
  "swarm-init": fixed(503, "cluster-exists", PART_OF_SWARM),
  "swarm-join": fixed(503, "cluster-exists", PART_OF_SWARM),
  "swarm-unlock-key": answer({ UnlockKey: "" }),
  "swarm-unlock": fixed(409, "not-locked", "swarm is not locked"),
} as const;
