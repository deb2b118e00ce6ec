/** GET /services: filters id, name (prefix), label, mode, runtime; counts of tasks when asked. */
import type { Service } from "@skein/common/model/service";
import type { TaskState } from "@skein/common/model/task-state";
import { ok } from "@skein/common/result";
import type { ClusterView } from "../store/view.ts";
import type { Checked } from "./api-error.ts";
import type { ServiceCounts } from "./engine/service.ts";
import type { Filters } from "./filters.ts";
import { allLabels, anyOf, checkValues } from "./filters.ts";

export const SERVICE_FILTERS = ["id", "name", "label", "mode", "runtime"] as const;
const MODES = ["replicated", "global", "replicated-job", "global-job"] as const;

export function listServices(view: ClusterView, filters: Filters): Checked<readonly Service[]> {
  const checked = checkValues(filters, "mode", MODES);
  if (!checked.ok) return checked;
  return ok(view.services.list().filter((service) => matches(service, filters)));
}

function matches(service: Service, filters: Filters): boolean {
  const { name, labels, mode } = service.spec;
  return (
    service.removed !== true &&
    anyOf(filters, "id", (id) => service.id.startsWith(id)) &&
    anyOf(filters, "name", (prefix) => name.startsWith(prefix)) &&
    anyOf(filters, "mode", (kind) => kind === mode.kind) &&
    anyOf(filters, "runtime", (runtime) => runtime === "container") &&
    allLabels(filters, "label", labels)
  );
}

/** Tasks on their way out are not counted: "4/3" would say that something is wrong. */
export function countTasks(view: ClusterView, service: Service): ServiceCounts {
  const { job, traffic } = service;
  const wanted = view
    .tasksOfService(service.id)
    .filter((task) => task.desired === "running" && task.iteration === job?.iteration)
    // Of two sets (blue-green) the one that serves: "6/3" would say that something is wrong.
    .filter(({ taskIndex }) => traffic === undefined || taskIndex === traffic.taskIndex);
  const count = (state: TaskState) => wanted.filter(({ status }) => status.state === state).length;
  const running = count("running");
  return { running, desired: desiredOf(view, service), completed: count("complete") };
}

/** As dockerd counts: of a job how many may run at once, of a global service its nodes. */
function desiredOf(view: ClusterView, { id, spec }: Service): number {
  const { mode } = spec;
  if (mode.kind === "replicated") return mode.replicas;
  return mode.kind === "replicated-job" ? mode.concurrent : view.slotsOfService(id).length;
}
