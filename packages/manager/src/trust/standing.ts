/** What the store says of nodes beyond their certificates: who is refused, who is only a worker. */
import type { ClusterView } from "../store/view.ts";

export interface NodeStanding {
  readonly removed: ReadonlySet<string>;
  readonly demoted: ReadonlySet<string>;
}

export function standingOf(view: ClusterView): NodeStanding {
  const removed = new Set<string>((view.cluster?.removed ?? []).map(({ nodeId }) => nodeId));
  const workers = view.nodes.list().filter((node) => {
    return node.spec.role === "worker" && node.manager === undefined;
  });
  return { removed, demoted: new Set<string>(workers.map(({ id }) => id)) };
}

export function isSameStanding(a: NodeStanding, b: NodeStanding): boolean {
  return isSameSet(a.removed, b.removed) && isSameSet(a.demoted, b.demoted);
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((item) => b.has(item));
}
