/** What the update supervisor says of an update, its rollback, and its change of the traffic. */
import type { Service, UpdateStatus } from "@skein/common/model/service";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { rollBack } from "../service-writes.ts";
import type { StoreView } from "../tables.ts";
import { switchedTraffic } from "../traffic.ts";

/** A no-op when the spec changed since the supervisor read it: the update it speaks of is over. */
export function applySetUpdateStatus(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"set-update-status">,
): Outcome {
  const draft = new Draft(view, facts);
  const { serviceId } = command;
  const status = withTimes(command.status, facts);
  const service = view.services.get(serviceId);
  if (service === undefined || service.removed === true) {
    draft.skip(serviceId, "service is gone");
  } else if (service.specIndex !== command.specIndex) {
    draft.skip(serviceId, "spec has changed");
  } else if (command.rollback) {
    const written = rollBack(draft, service, { updateStatus: status });
    if (!written.ok) return written;
  } else if (command.standbyMs !== undefined) {
    const traffic = switchedTraffic(service, { now: facts.time, standbyMs: command.standbyMs });
    if (traffic === undefined) draft.skip(serviceId, "traffic was switched");
    else draft.services.put({ ...service, updateStatus: status, traffic });
  } else if (isSaid(service, status)) {
    draft.skip(serviceId, "unchanged");
  } else {
    draft.services.put({ ...service, updateStatus: status });
  }
  return draft.accept(serviceId);
}

/**
 * Times are for display: the supervisor writes 0 where it means now, since it knows no wall time.
 */
function withTimes(status: UpdateStatus, { wall }: Facts): UpdateStatus {
  const { startedAt, completedAt } = status;
  const completed = completedAt === undefined ? {} : { completedAt: completedAt || wall };
  return { ...status, startedAt: startedAt || wall, ...completed };
}

function isSaid({ updateStatus }: Service, status: UpdateStatus): boolean {
  return updateStatus?.state === status.state && updateStatus.message === status.message;
}
