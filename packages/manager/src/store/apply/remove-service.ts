/** A user removes a service. */

import { slotKey } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { serviceNotFound } from "../refusal.ts";
import type { StoreView } from "../tables.ts";
import { deleteTask, moveDesired } from "../task-writes.ts";

/**
 * Name and ports are free at once; the row stays until the last task is gone. Tasks that have
 * ended, or that no node was ever given, go now: nobody would report on them again.
 */
export function applyRemoveService(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"remove-service">,
): Outcome {
  const service = view.services.get(command.serviceId);
  if (service === undefined || service.removed === true) return serviceNotFound(command.serviceId);
  const draft = new Draft(view, facts);
  draft.services.put({ ...service, removed: true });
  draft.releaseNetworkAddresses(service.vips ?? []);
  for (const slot of view.slotsOfService(service.id)) {
    draft.slots.remove(slotKey(service.id, slot.slot));
  }
  for (const { id } of view.tasksOfService(service.id)) {
    // Read again: a task of this service may just have been given an address freed here.
    const task = draft.tasks.get(id);
    if (task === undefined) continue;
    if (task.nodeId === undefined || isTerminal(task.status.state)) deleteTask(draft, task);
    else moveDesired(draft, task, "remove");
  }
  return draft.accept(service.id);
}
