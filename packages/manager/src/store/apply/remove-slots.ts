/** Scaling down: slots go, and their tasks are asked to be removed. */
import { slotKey } from "@skein/common/model/task";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";
import { moveDesired } from "../task-writes.ts";

export function applyRemoveSlots(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"remove-slots">,
): Outcome {
  const draft = new Draft(view, facts);
  for (const item of command.items) {
    const key = slotKey(command.serviceId, item.slot);
    const slot = draft.slots.get(key);
    if (slot?.generation !== item.generation) {
      draft.skip(key, slot === undefined ? "slot is gone" : "slot has moved on");
      continue;
    }
    draft.slots.remove(key);
    const task = slot.taskId === undefined ? undefined : draft.tasks.get(slot.taskId);
    if (task !== undefined) moveDesired(draft, task, "remove");
  }
  return draft.accept(command.serviceId);
}
