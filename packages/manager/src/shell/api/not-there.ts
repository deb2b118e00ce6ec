/**
 * What Docker has and this cluster does not have yet; what no node has is in common's table.
 *
 * A table.
 */
import { NOT_THERE } from "@skein/common/api/not-there";
import type { Handler } from "./handler.ts";
import { reading } from "./handler.ts";
import { failure, json, replyTo } from "./reply.ts";
import { filtersOf, jsonBody } from "./request.ts";

const CONTAINERS =
  "single containers are not supported yet: run it as a service, " +
  "as in docker service create --name web host node server.js";
const SECRETS =
  "secrets are not supported yet, since nothing is encrypted at rest: " +
  "keep it in a file on the nodes, or use docker config create if it need not be secret";
const PART_OF_SWARM =
  'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm ' +
  "and join another one.";

const answer =
  (body: unknown): Handler =>
  () =>
    json(body);

/** `message` completes what the CLI prints after "Error response from daemon:". */
const missing =
  (message: (subject: string) => string): Handler =>
  (_port, request) =>
    failure(404, "not-found", message(request.subject));

const refused =
  (what: string, reason: string): Handler =>
  (_port, request) =>
    failure(501, "unsupported", `Cannot ${what.replace("{}", request.subject)}: ${reason}`);

/** The same, naming the object as the request's body does. */
const refusedByName =
  (kind: string, reason: string): Handler =>
  (_port, request) => {
    const body = jsonBody(request);
    const name = body.ok ? nameIn(body.value) : "";
    return failure(501, "unsupported", `Cannot create ${kind}${name}: ${reason}`);
  };

function nameIn(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  const [, name] = Object.entries(body).find(([key]) => key.toLowerCase() === "name") ?? [];
  return typeof name === "string" && name !== "" ? ` ${name.slice(0, 64)}` : "";
}

const secretList: Handler = reading((_port, request) =>
  replyTo(filtersOf(request, ["id", "name", "names", "label"]), () => json([])),
);

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
  "secret-list": secretList,
  "secret-create": refusedByName("secret", SECRETS),
  "secret-inspect": missing((name) => `secret ${name} not found`),
  "secret-update": missing((name) => `secret ${name} not found`),
  "secret-remove": missing((name) => `secret ${name} not found`),
  "network-connect": refused("connect to network {}", CONTAINERS),
  "swarm-init": fixed(503, "cluster-exists", PART_OF_SWARM),
  "swarm-join": fixed(503, "cluster-exists", PART_OF_SWARM),
  "swarm-unlock-key": answer({ UnlockKey: "" }),
  "swarm-unlock": fixed(409, "not-locked", "swarm is not locked"),
} as const;
