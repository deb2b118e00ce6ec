/**
 * What a container engine has and a node here has not: lists that are truly empty, "not found" for
 * every object of a kind that has none, and a refusal with the reason for what would have to be
 * done. The same on every socket.
 *
 * A table.
 */
import type { RouteName } from "./routes.ts";

export interface NotThere {
  readonly status: number;
  /** An error's message, or the answer itself. */
  readonly body: string | object;
}

const CONTAINERS =
  "single containers are not supported yet: run it as a service, " +
  "as in docker service create --name web host node server.js";
const IMAGES =
  "images are not supported yet: only programs of the node's own file system run " +
  '(use the image name "host")';
const VOLUMES = "volumes are not supported yet: programs see the node's files as they are";

const answer = (body: object) => (): NotThere => ({ status: 200, body });

/** `message` completes what the CLI prints after "Error response from daemon:". */
const missing =
  (message: (subject: string) => string) =>
  (subject: string): NotThere => ({ status: 404, body: message(subject) });

const refused =
  (what: string, reason: string) =>
  (subject: string): NotThere => {
    return { status: 501, body: `Cannot ${what.replace("{}", subject)}: ${reason}` };
  };

export const NOT_THERE = {
  "container-create": refused("create the container", CONTAINERS),
  "container-prune": answer({ ContainersDeleted: null, SpaceReclaimed: 0 }),
  "image-list": answer([]),
  "image-inspect": missing((name) => `No such image: ${name}`),
  "image-prune": answer({ ImagesDeleted: null, SpaceReclaimed: 0 }),
  "image-search": refused("search for images", IMAGES),
  "image-registry": refused("use images", IMAGES),
  "image-build": refused("build an image", IMAGES),
  "build-prune": answer({ CachesDeleted: null, SpaceReclaimed: 0 }),
  "build-session": missing(() => "page not found"),
  auth: refused("log in to a registry", IMAGES),
  commit: refused("commit a container", IMAGES),
  "disk-usage": answer({
    LayersSize: 0,
    Images: [],
    Containers: [],
    Volumes: [],
    BuildCache: [],
    BuilderSize: 0,
  }),
  "volume-list": answer({ Volumes: [], Warnings: [] }),
  "volume-create": refused("create the volume", VOLUMES),
  "volume-inspect": missing((name) => `get ${name}: no such volume`),
  "volume-prune": answer({ VolumesDeleted: [], SpaceReclaimed: 0 }),
  "plugin-list": answer([]),
  "plugin-install": refused("install a plugin", "there are no plugins"),
  "plugin-inspect": missing((name) => `plugin ${JSON.stringify(name)} not found`),
} as const satisfies Partial<Record<RouteName, (subject: string) => NotThere>>;
