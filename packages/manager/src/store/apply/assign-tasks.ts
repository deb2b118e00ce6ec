/** The scheduler's decisions: a pending task gets its node. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";
import { isWanted, moveTask } from "../task-writes.ts";

type Item = CommandOf<"assign-tasks">["items"][number];

export function applyAssignTasks(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"assign-tasks">,
): Outcome {
  const draft = new Draft(view, facts);
  for (const item of command.items) {
    const reason = assign(draft, item);
    if (reason !== undefined) draft.skip(item.taskId, reason);
  }
  return draft.accept();
}

/** The node is looked at again: it may have gone down or been drained since the decision. */
function assign(draft: Draft, { taskId, nodeId, generic }: Item): string | undefined {
  const task = draft.tasks.get(taskId);
  if (task === undefined) return "task is gone";
  if (!isWanted(task)) return "task is no longer wanted";
  const node = draft.nodes.get(nodeId);
  if (node === undefined) return "node is gone";
  if (node.status.state !== "ready") return `node is ${node.status.state}`;
  if (node.spec.availability !== "active") return `node is on ${node.spec.availability}`;
  const given = generic === undefined ? {} : { generic };
  const message = "scheduler assigned task to node";
  const status = { state: "assigned", at: draft.facts.wall, message } as const;
  const moved = moveTask(draft, { ...task, nodeId, ...given }, { status, owner: "scheduler" });
  return moved ? undefined : `task is ${task.status.state}`;
}
