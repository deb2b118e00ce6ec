/**
 * Writing a service's spec: the one place that keeps specIndex, taskIndex, ports and previous spec.
 */
import type { Service, ServiceSpec, TaskSpec, UpdateStatus } from "@skein/common/model/service";
import type { Result } from "@skein/common/result";
import { ok } from "@skein/common/result";
import type { Refusal } from "./command.ts";
import type { Draft } from "./draft.ts";
import { assignPorts } from "./ports.ts";
import { noPreviousSpec } from "./refusal.ts";
import { isSame } from "./same.ts";

/**
 * Makes `spec` the service's. The old one becomes the previous spec, and an update status of the
 * old update goes. `taskIndex` moves only when tasks made before would be made otherwise now:
 * constraints and spread say where a task goes, not what it is.
 */
export function changeSpec(
  draft: Draft,
  service: Service,
  change: { readonly spec: ServiceSpec; readonly updateStatus?: UpdateStatus },
): Result<undefined, Refusal> {
  const ports = assignPorts(draft.view, change.spec.ports, service);
  if (!ports.ok) return ports;
  const { updateStatus: _cleared, ...kept } = service;
  const isDirty =
    !isSame(whatTasksAre(change.spec.task), whatTasksAre(service.spec.task)) ||
    !isSame(ports.value, service.ports);
  draft.services.put({
    ...kept,
    specIndex: draft.facts.index,
    taskIndex: isDirty ? draft.facts.index : service.taskIndex,
    spec: change.spec,
    previousSpec: service.spec,
    ports: ports.value,
    ...(change.updateStatus === undefined ? {} : { updateStatus: change.updateStatus }),
  });
  return ok(undefined);
}

/** Swaps spec and previous spec, so that a second rollback undoes the first (as in Swarm). */
export function rollBack(
  draft: Draft,
  service: Service,
  updateStatus: UpdateStatus,
): Result<undefined, Refusal> {
  if (service.previousSpec === undefined) return noPreviousSpec(service.id);
  return changeSpec(draft, service, { spec: service.previousSpec, updateStatus });
}

function whatTasksAre(task: TaskSpec): Omit<TaskSpec, "constraints" | "spread"> {
  const { constraints: _constraints, spread: _spread, ...rest } = task;
  return rest;
}
