/** Tasks that waited for an address of a network get theirs. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";
import { allocate, isWanted } from "../task-writes.ts";

export function applyAllocateTasks(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"allocate-tasks">,
): Outcome {
  const draft = new Draft(view, facts);
  for (const taskId of command.taskIds) {
    const task = draft.tasks.get(taskId);
    if (task === undefined) draft.skip(taskId, "task is gone");
    else if (task.status.state !== "new" || !isWanted(task)) draft.skip(taskId, "does not wait");
    else if (!allocate(draft, task)) draft.skip(taskId, "no address is free");
  }
  return draft.accept();
}
