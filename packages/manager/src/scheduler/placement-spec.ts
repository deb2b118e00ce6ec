/**
 * Which placement a task answers to. Constraints and spread may be changed without making tasks
 * anew (as in Docker: only those whose node no longer fits are replaced), so that the service's
 * own are in force for all its tasks of the current version.
 */
import type { TaskSpec } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import type { ClusterView } from "../store/view.ts";

export function placementSpec(view: ClusterView, task: Task): TaskSpec {
  const service = view.services.get(task.serviceId);
  return service?.taskIndex === task.taskIndex ? service.spec.task : task.spec;
}
