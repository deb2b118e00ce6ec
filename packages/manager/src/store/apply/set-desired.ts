/** Managers ask tasks to start, to shut down or to be removed; a task is never asked to go back. */
import type { Task } from "@skein/common/model/task";
import { slotKey } from "@skein/common/model/task";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";
import { moveDesired } from "../task-writes.ts";

export function applySetDesired(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"set-desired">,
): Outcome {
  const draft = new Draft(view, facts);
  for (const { taskId, desired, reason } of command.items) {
    const task = draft.tasks.get(taskId);
    if (task === undefined) draft.skip(taskId, "task is gone");
    else if (!moveDesired(draft, task, desired)) draft.skip(taskId, `already ${task.desired}`);
    else if (desired !== "running") keepReason(draft, task, reason);
  }
  return draft.accept();
}

/** Why a slot's task is stopped stays with the slot: the task's status is its agent's. */
function keepReason(draft: Draft, task: Task, reason: string): void {
  const slot = draft.slots.get(slotKey(task.serviceId, task.slot));
  if (slot?.taskId === task.id && slot.reason !== reason) draft.slots.put({ ...slot, reason });
}
