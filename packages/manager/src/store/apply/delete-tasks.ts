/** The reaper's deletions: task rows that nobody needs any more. */
import type { TaskId } from "@skein/common/ids";
import { slotKey } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";
import { deleteTask } from "../task-writes.ts";

/** Only ended tasks go, so that an address is never free while something may still use it. */
export function applyDeleteTasks(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"delete-tasks">,
): Outcome {
  const draft = new Draft(view, facts);
  for (const taskId of command.taskIds) {
    const reason = deleteOne(draft, taskId);
    if (reason !== undefined) draft.skip(taskId, reason);
  }
  return draft.accept();
}

function deleteOne(draft: Draft, taskId: TaskId): string | undefined {
  const task = draft.tasks.get(taskId);
  if (task === undefined) return "task is gone";
  if (!isTerminal(task.status.state)) return `task is ${task.status.state}`;
  const slot = draft.slots.get(slotKey(task.serviceId, task.slot));
  if (slot?.taskId === taskId) return "task is its slot's current one";
  deleteTask(draft, task);
  return undefined;
}
