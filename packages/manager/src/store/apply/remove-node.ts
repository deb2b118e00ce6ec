/** A node goes, and with it whoever could report on its tasks. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { isLastManager } from "../managers.ts";
import { isRemoved, withRemoved } from "../node-writes.ts";
import { lastManager, nodeIsManager, nodeNotDown, nodeNotFound } from "../refusal.ts";
import type { StoreView } from "../tables.ts";
import { moveTask } from "../task-writes.ts";

/** The node's tasks are orphaned in the same step: nobody is left to report how they ended. */
export function applyRemoveNode(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"remove-node">,
): Outcome {
  const node = view.nodes.get(command.nodeId);
  if (node === undefined) return nodeNotFound(command.nodeId);
  if (!command.force && node.manager !== undefined) return nodeIsManager(node.id);
  if (isLastManager(view, node.id)) return lastManager();
  if (!command.force && node.status.state !== "down") return nodeNotDown(node.id);
  const draft = new Draft(view, facts);
  draft.nodes.remove(node.id);
  // In a cluster that issues certificates, this one's is refused from now on, everywhere.
  if (view.cluster?.trust !== undefined && !isRemoved(view.cluster, node.id)) {
    draft.putCluster(withRemoved(view.cluster, view.cluster.trust, { nodeId: node.id, facts }));
  }
  for (const task of view.tasksOfNode(node.id)) {
    const message = "node was removed from the cluster";
    const status = { state: "orphaned", at: facts.wall, message } as const;
    moveTask(draft, task, { status, owner: "leader" });
  }
  return draft.accept(node.id);
}
