/**
 * Every route an API socket answers, as data: all of Docker's Engine API 1.50 and what lives under
 * `/skein/v1`. The manager's and the worker's socket share it. A route that is not served yet is
 * listed all the same, so that it answers with a reason and not with "page not found".
 *
 * A table: it may be longer than a file of code.
 */

/**
 * `any`: every node answers from its own state. `cluster`: the leader answers; other managers
 * forward, workers refuse with Docker's fixed text unless they have a view of their own
 * (`/containers/json`, `/events`). `node`: about this node's own images and the like. `task`: about
 * one task as a container: the node that runs it answers, through whichever manager was asked.
 */
export type RouteScope = "any" | "cluster" | "node" | "task";

export interface Route {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** `{id}` is one segment, `{name}` one or more (image references contain slashes). */
  readonly path: string;
  readonly name: RouteName;
  readonly scope: RouteScope;
}

const TABLE = [
  ["GET", "/_ping", "ping", "any"],
  ["HEAD", "/_ping", "ping", "any"],
  ["GET", "/version", "version", "any"],
  ["GET", "/info", "info", "any"],
  ["GET", "/metrics", "metrics", "any"],
  ["GET", "/skein/v1/status", "skein-status", "any"],
  ["GET", "/skein/v1/gossip", "skein-gossip", "any"],
  ["GET", "/skein/v1/traffic", "skein-traffic", "any"],
  ["GET", "/skein/v1/explain/{name}", "skein-explain", "cluster"],
  ["POST", "/skein/v1/plan", "skein-plan", "cluster"],
  ["GET", "/skein/v1/history/{id}", "skein-history", "cluster"],
  ["GET", "/skein/v1/timeline", "skein-timeline", "cluster"],
  ["GET", "/skein/v1/at/{id}", "skein-at", "cluster"],
  ["POST", "/skein/v1/rebalance", "skein-rebalance", "cluster"],

  ["POST", "/skein/v1/ca", "skein-ca", "cluster"],
  ["POST", "/skein/v1/backup", "skein-backup", "cluster"],

  ["GET", "/swarm", "swarm-inspect", "cluster"],
  ["POST", "/swarm/init", "swarm-init", "any"],
  ["POST", "/swarm/join", "swarm-join", "any"],
  ["POST", "/swarm/leave", "swarm-leave", "any"],
  ["POST", "/swarm/update", "swarm-update", "cluster"],
  ["GET", "/swarm/unlockkey", "swarm-unlock-key", "cluster"],
  ["POST", "/swarm/unlock", "swarm-unlock", "any"],

  ["GET", "/nodes", "node-list", "cluster"],
  ["GET", "/nodes/{id}", "node-inspect", "cluster"],
  ["POST", "/nodes/{id}/update", "node-update", "cluster"],
  ["DELETE", "/nodes/{id}", "node-remove", "cluster"],

  ["GET", "/services", "service-list", "cluster"],
  ["POST", "/services/create", "service-create", "cluster"],
  ["GET", "/services/{id}", "service-inspect", "cluster"],
  ["POST", "/services/{id}/update", "service-update", "cluster"],
  ["DELETE", "/services/{id}", "service-remove", "cluster"],
  ["GET", "/services/{id}/logs", "service-logs", "cluster"],

  ["GET", "/tasks", "task-list", "cluster"],
  ["GET", "/tasks/{id}", "task-inspect", "cluster"],
  ["GET", "/tasks/{id}/logs", "task-logs", "cluster"],

  ["GET", "/configs", "config-list", "cluster"],
  ["POST", "/configs/create", "config-create", "cluster"],
  ["GET", "/configs/{id}", "config-inspect", "cluster"],
  ["POST", "/configs/{id}/update", "config-update", "cluster"],
  ["DELETE", "/configs/{id}", "config-remove", "cluster"],

  ["GET", "/secrets", "secret-list", "cluster"],
  ["POST", "/secrets/create", "secret-create", "cluster"],
  ["GET", "/secrets/{id}", "secret-inspect", "cluster"],
  ["POST", "/secrets/{id}/update", "secret-update", "cluster"],
  ["DELETE", "/secrets/{id}", "secret-remove", "cluster"],

  ["GET", "/networks", "network-list", "cluster"],
  ["POST", "/networks/create", "network-create", "cluster"],
  ["POST", "/networks/prune", "network-prune", "cluster"],
  ["GET", "/networks/{id}", "network-inspect", "cluster"],
  ["DELETE", "/networks/{id}", "network-remove", "cluster"],
  ["GET", "/skein/v1/stacks", "stack-list", "cluster"],
  ["GET", "/skein/v1/stacks/{id}", "stack-inspect", "cluster"],
  ["POST", "/skein/v1/stacks/{id}", "stack-deploy", "cluster"],
  ["POST", "/skein/v1/stacks/{id}/rollback", "stack-rollback", "cluster"],
  ["DELETE", "/skein/v1/stacks/{id}", "stack-remove", "cluster"],

  ["GET", "/skein/v1/networks/audit", "network-audit", "cluster"],
  ["POST", "/networks/{id}/connect", "network-connect", "cluster"],
  ["POST", "/networks/{id}/disconnect", "network-connect", "cluster"],

  ["GET", "/events", "events", "cluster"],
  ["GET", "/distribution/{name}/json", "distribution", "any"],

  ["GET", "/containers/json", "container-list", "cluster"],
  ["POST", "/containers/create", "container-create", "node"],
  ["POST", "/containers/prune", "container-prune", "node"],
  ["GET", "/containers/{id}/json", "container-inspect", "task"],
  ["GET", "/containers/{id}/top", "container-top", "task"],
  ["GET", "/containers/{id}/logs", "container-logs", "task"],
  ["GET", "/containers/{id}/changes", "container-other", "task"],
  ["GET", "/containers/{id}/export", "container-other", "task"],
  ["GET", "/containers/{id}/stats", "container-stats", "task"],
  ["GET", "/containers/{id}/attach/ws", "container-other", "task"],
  ["GET", "/containers/{id}/archive", "container-archive", "task"],
  ["HEAD", "/containers/{id}/archive", "container-archive", "task"],
  ["PUT", "/containers/{id}/archive", "container-archive-put", "task"],
  ["POST", "/containers/{id}/resize", "container-resize", "task"],
  ["POST", "/containers/{id}/start", "container-start", "task"],
  ["POST", "/containers/{id}/stop", "container-stop", "task"],
  ["POST", "/containers/{id}/restart", "container-other", "task"],
  ["POST", "/containers/{id}/kill", "container-kill", "task"],
  ["POST", "/containers/{id}/update", "container-other", "task"],
  ["POST", "/containers/{id}/rename", "container-other", "task"],
  ["POST", "/containers/{id}/pause", "container-other", "task"],
  ["POST", "/containers/{id}/unpause", "container-other", "task"],
  ["POST", "/containers/{id}/attach", "container-attach", "task"],
  ["POST", "/containers/{id}/wait", "container-wait", "task"],
  ["POST", "/containers/{id}/exec", "container-exec", "task"],
  ["DELETE", "/containers/{id}", "container-remove", "task"],
  ["POST", "/exec/{id}/start", "exec-start", "task"],
  ["POST", "/exec/{id}/resize", "exec-resize", "task"],
  ["GET", "/exec/{id}/json", "exec-inspect", "task"],

  ["GET", "/images/json", "image-list", "node"],
  ["GET", "/images/search", "image-search", "node"],
  ["GET", "/images/get", "image-registry", "node"],
  ["POST", "/images/create", "image-registry", "node"],
  ["POST", "/images/load", "image-registry", "node"],
  ["POST", "/images/prune", "image-prune", "node"],
  ["GET", "/images/{name}/json", "image-inspect", "node"],
  ["GET", "/images/{name}/history", "image-inspect", "node"],
  ["GET", "/images/{name}/get", "image-inspect", "node"],
  ["POST", "/images/{name}/push", "image-inspect", "node"],
  ["POST", "/images/{name}/tag", "image-inspect", "node"],
  ["DELETE", "/images/{name}", "image-inspect", "node"],
  ["POST", "/build", "image-build", "node"],
  ["POST", "/build/prune", "build-prune", "node"],
  ["POST", "/commit", "commit", "node"],
  ["POST", "/auth", "auth", "node"],
  ["GET", "/system/df", "disk-usage", "node"],

  ["GET", "/volumes", "volume-list", "node"],
  ["POST", "/volumes/create", "volume-create", "node"],
  ["POST", "/volumes/prune", "volume-prune", "node"],
  ["GET", "/volumes/{name}", "volume-inspect", "node"],
  ["PUT", "/volumes/{name}", "volume-inspect", "node"],
  ["DELETE", "/volumes/{name}", "volume-inspect", "node"],

  ["GET", "/plugins", "plugin-list", "node"],
  ["GET", "/plugins/privileges", "plugin-install", "node"],
  ["POST", "/plugins/pull", "plugin-install", "node"],
  ["POST", "/plugins/create", "plugin-install", "node"],
  ["GET", "/plugins/{name}/json", "plugin-inspect", "node"],
  ["DELETE", "/plugins/{name}", "plugin-inspect", "node"],
  ["POST", "/plugins/{name}/enable", "plugin-inspect", "node"],
  ["POST", "/plugins/{name}/disable", "plugin-inspect", "node"],
  ["POST", "/plugins/{name}/upgrade", "plugin-inspect", "node"],
  ["POST", "/plugins/{name}/push", "plugin-inspect", "node"],
  ["POST", "/plugins/{name}/set", "plugin-inspect", "node"],
  ["POST", "/session", "build-session", "node"],
  ["POST", "/grpc", "build-session", "node"],
] as const;

export type RouteName = (typeof TABLE)[number][2];

/** About one task as a container: carried to the node that runs it, never answered here. */
export type TaskRouteName = Extract<
  (typeof TABLE)[number],
  readonly [string, string, string, "task"]
>[2];

export const ROUTES: readonly Route[] = TABLE.map(([method, path, name, scope]) => ({
  method,
  path,
  name,
  scope,
}));
