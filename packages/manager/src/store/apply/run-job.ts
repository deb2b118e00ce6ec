/** A scheduled job runs, or the time is noted as left out. */
import { scheduleOf } from "@skein/common/model/service-mode";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";

/** Each scheduled time once: a second leader that decides the same finds it dealt with. */
export function applyRunJob(view: StoreView, facts: Facts, command: CommandOf<"run-job">): Outcome {
  const draft = new Draft(view, facts);
  const { serviceId, scheduledFor, skipped } = command;
  const service = view.services.get(serviceId);
  const job = service?.job;
  if (service === undefined || job === undefined || service.removed === true) {
    draft.skip(serviceId, "service is gone");
  } else if (scheduleOf(service.spec.mode) === undefined) {
    draft.skip(serviceId, "service has no schedule");
  } else if (scheduledFor <= (job.scheduledFor ?? 0)) {
    draft.skip(serviceId, "that time was dealt with");
  } else if (skipped !== undefined) {
    draft.services.put({ ...service, job: { ...job, scheduledFor, skipped } });
  } else {
    const { skipped: _said, ...rest } = job;
    const iteration = job.iteration + (job.startedAt === undefined ? 0 : 1);
    const next = { ...rest, iteration, startedAt: facts.wall, scheduledFor };
    draft.services.put({ ...service, job: next });
  }
  return draft.accept(serviceId);
}
