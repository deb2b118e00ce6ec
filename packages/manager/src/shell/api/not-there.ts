/**
 * What Docker has and this cluster does not have yet: lists that are truly empty, "not found" for
 * every object of a kind that has none, and a refusal with the reason for what would have to be
 * done.
 *
 * A table.
 */
import type { Handler } from "./handler.ts";
import { reading } from "./handler.ts";
import { failure, json, replyTo } from "./reply.ts";
import { filtersOf, jsonBody } from "./request.ts";

const CONTAINERS =
  "single containers are not supported yet: run it as a service, " +
  "as in docker service create --name web host node server.js";
const IMAGES =
  "images are not supported yet: only programs of the node's own file system run " +
  '(use the image name "host")';
const VOLUMES = "volumes are not supported yet: programs see the node's files as they are";
const SECRETS =
  "secrets are not supported yet, since nothing is encrypted at rest: " +
  "keep it in a file on the nodes, or use docker config create if it need not be secret";
const PLUGINS = "there are no plugins";
const MEMBERSHIP =
  "joining and leaving by token is not supported yet: " +
  "choose the nodes when the cluster is made (skein up --managers N --workers N)";
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

export const NOT_THERE_HANDLERS = {
  "container-create": refused("create the container", CONTAINERS),
  "container-prune": answer({ ContainersDeleted: null, SpaceReclaimed: 0 }),
  "image-list": answer([]),
  "image-inspect": missing((name) => `No such image: ${name}`),
  "image-prune": answer({ ImagesDeleted: null, SpaceReclaimed: 0 }),
  "image-registry": refused("use images", IMAGES),
  "image-build": refused("build an image", IMAGES),
  "build-prune": answer({ CachesDeleted: null, SpaceReclaimed: 0 }),
  "build-session": missing(() => "page not found"),
  "disk-usage": answer({
    LayersSize: 0,
    Images: [],
    Containers: [],
    Volumes: [],
    BuildCache: [],
  }),
  "volume-list": answer({ Volumes: [], Warnings: [] }),
  "volume-create": refused("create the volume", VOLUMES),
  "volume-inspect": missing((name) => `get ${name}: no such volume`),
  "volume-prune": answer({ VolumesDeleted: [], SpaceReclaimed: 0 }),
  "plugin-list": answer([]),
  "plugin-install": refused("install a plugin", PLUGINS),
  "plugin-inspect": missing((name) => `plugin ${JSON.stringify(name)} not found`),
  "secret-list": secretList,
  "secret-create": refusedByName("secret", SECRETS),
  "secret-inspect": missing((name) => `secret ${name} not found`),
  "secret-update": missing((name) => `secret ${name} not found`),
  "secret-remove": missing((name) => `secret ${name} not found`),
  "network-connect": refused("connect to network {}", CONTAINERS),
  "swarm-init": fixed(503, "cluster-exists", PART_OF_SWARM),
  "swarm-join": fixed(503, "cluster-exists", PART_OF_SWARM),
  "swarm-leave": refused("leave the swarm", MEMBERSHIP),
  "swarm-unlock-key": answer({ UnlockKey: "" }),
  "swarm-unlock": fixed(409, "not-locked", "swarm is not locked"),
} as const;
