/**
 * Services that wait for others before they first start (`skein.depends_on`, from a stack's
 * `depends_on`): their tasks stay pending, and say for whom.
 *
 * Source: Compose specification, "depends_on". It is about the first start only: once a task of the
 * service has run, an outage of what it depends on is no reason to leave it without a replacement.
 */
import { DEPENDS_LABEL } from "@skein/common/compose/engine-spec";
import type { Service } from "@skein/common/model/service";
import type { ClusterView } from "../store/view.ts";

/** The sentence for `service ps`; undefined: nothing stands in the way. */
export function waitsFor(view: ClusterView, service: Service | undefined): string | undefined {
  const label = service?.spec.labels[DEPENDS_LABEL];
  if (service === undefined || label === undefined || label === "") return undefined;
  const tasks = view.tasksOfService(service.id);
  if (tasks.some(({ runningSince }) => runningSince !== undefined)) return undefined;
  const reasons = label.split(",").flatMap((dependency) => unmet(view, dependency.trim()) ?? []);
  return reasons.length === 0 ? undefined : `waits for ${reasons.join(", ")}`;
}

function unmet(view: ClusterView, dependency: string): string | undefined {
  const [name = "", condition = "service_started"] = dependency.split("=");
  const service = view.serviceByName(name);
  if (service === undefined) return `${name}, which is not there`;
  if (condition === "service_completed_successfully") return uncompleted(view, service);
  const wanted = view.tasksOfService(service.id).filter(({ desired }) => desired === "running");
  const running = wanted.filter(({ status }) => status.state === "running").length;
  if (condition === "service_started") return running > 0 ? undefined : `${name} to start`;
  const { mode } = service.spec;
  const needed = mode.kind === "replicated" ? mode.replicas : wanted.length;
  if (running >= needed && running > 0) return undefined;
  return `${name} to be healthy (${running} of ${needed})`;
}

function uncompleted(view: ClusterView, service: Service): string | undefined {
  const { mode, name } = service.spec;
  const complete = view.tasksOfService(service.id).filter(({ status }) => {
    return status.state === "complete";
  }).length;
  const needed = mode.kind === "replicated-job" ? mode.completions : 1;
  if (complete >= needed) return undefined;
  return `${name} to complete (${complete} of ${needed})`;
}
