/** A new service, with its published ports assigned. Its slots and tasks are the orchestrator's. */
import type { JobStatus, ServiceSpec } from "@skein/common/model/service";
import { isJob, scheduleOf } from "@skein/common/model/service-mode";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { assignPorts } from "../ports.ts";
import { serviceNameTaken } from "../refusal.ts";
import type { StoreView } from "../tables.ts";
import { assignVips } from "../vips.ts";

export function applyCreateService(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"create-service">,
): Outcome {
  const { serviceId, spec } = command;
  if (view.serviceByName(spec.name) !== undefined) return serviceNameTaken(spec.name);
  // Ids are drawn at random: this is a client that sends its own, or a command proposed twice.
  if (view.services.get(serviceId) !== undefined) return serviceNameTaken(serviceId);
  const ports = assignPorts(view, spec);
  if (!ports.ok) return ports;
  const draft = new Draft(view, facts);
  const vips = assignVips(draft, spec);
  if (!vips.ok) return vips;
  draft.services.put({
    id: serviceId,
    ...draft.born(),
    specIndex: facts.index,
    taskIndex: facts.index,
    spec,
    ports: ports.value,
    ...firstRun(spec, facts),
    ...vips.value,
  });
  return draft.accept(serviceId);
}

/** A job runs at once, unless it has a schedule to wait for; times before now are past. */
function firstRun({ mode }: ServiceSpec, { wall }: Facts): { readonly job?: JobStatus } {
  if (!isJob(mode)) return {};
  if (scheduleOf(mode) === undefined) return { job: { iteration: 0, startedAt: wall } };
  return { job: { iteration: 0, scheduledFor: wall } };
}
