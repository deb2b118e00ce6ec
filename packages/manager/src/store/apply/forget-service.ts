/** The last step of a service's removal: its row goes. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";

/** The reaper's last step for a removed service. */
export function applyForgetService(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"forget-service">,
): Outcome {
  const draft = new Draft(view, facts);
  const { serviceId } = command;
  const service = view.services.get(serviceId);
  if (service === undefined) draft.skip(serviceId, "service is gone");
  else if (service.removed !== true) draft.skip(serviceId, "service is not removed");
  else if (view.tasksOfService(serviceId).length > 0) draft.skip(serviceId, "tasks are left");
  else draft.services.remove(serviceId);
  return draft.accept(serviceId);
}
