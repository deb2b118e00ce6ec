/**
 * Writing a service's spec: the one place that keeps specIndex, taskIndex, ports and previous spec.
 */
import type { JobStatus, Service, ServiceSpec, UpdateStatus } from "@skein/common/model/service";
import { scheduleOf } from "@skein/common/model/service-mode";
import type { Result } from "@skein/common/result";
import { ok } from "@skein/common/result";
import { SERVICE_HISTORY_MAX } from "../limits.ts";
import type { Refusal } from "./command.ts";
import type { Draft } from "./draft.ts";
import { assignPorts } from "./ports.ts";
import { noPreviousSpec } from "./refusal.ts";
import { isSame } from "./same.ts";
import { nextTraffic, takeBack } from "./traffic.ts";
import { assignVips } from "./vips.ts";
import { whatTasksAre } from "./what-tasks-are.ts";

export interface Change {
  readonly spec: ServiceSpec;
  readonly updateStatus?: UpdateStatus;
  /** Former specs that are kept from now on; absent: as many as there were room for before. */
  readonly historyMax?: number;
}

/**
 * Makes `spec` the service's. The old one becomes the previous spec, and an update status of the
 * old update goes. `taskIndex` moves only when tasks made before would be made otherwise now:
 * constraints and spread say where a task goes, not what it is.
 */
export function changeSpec(
  draft: Draft,
  service: Service,
  change: Change,
): Result<undefined, Refusal> {
  const ports = assignPorts(draft.view, change.spec, service);
  if (!ports.ok) return ports;
  const vips = assignVips(draft, change.spec, service);
  if (!vips.ok) return vips;
  const { updateStatus: _cleared, vips: _former, traffic: _held, ...kept } = service;
  const isDirty =
    !isSame(whatTasksAre(change.spec.task), whatTasksAre(service.spec.task)) ||
    !isSame(ports.value, service.ports);
  const next: Service = {
    ...kept,
    specIndex: draft.facts.index,
    taskIndex: isDirty ? draft.facts.index : service.taskIndex,
    spec: change.spec,
    previousSpec: service.spec,
    ports: ports.value,
    ...vips.value,
    ...(change.updateStatus === undefined ? {} : { updateStatus: change.updateStatus }),
    ...nextRun(draft, service, { spec: change.spec, isDirty }),
    ...nextHistory(service, change.historyMax),
  };
  const taken = takeBack(draft, service, next);
  draft.services.put({ ...next, ...nextTraffic(service, next, taken) });
  return ok(undefined);
}

/** Swaps spec and previous spec, so that a second rollback undoes the first (as in Swarm). */
export function rollBack(
  draft: Draft,
  service: Service,
  change: Omit<Change, "spec">,
): Result<undefined, Refusal> {
  if (service.previousSpec === undefined) return noPreviousSpec(service.id);
  return changeSpec(draft, service, { spec: service.previousSpec, ...change });
}

/** Newest first. A service of a log from before there was a history has none. */
function nextHistory(service: Service, asked: number | undefined): Pick<Service, "history"> {
  const historyMax = asked ?? (service.history === undefined ? 0 : SERVICE_HISTORY_MAX);
  if (historyMax === 0) return {};
  const { specIndex, updatedAt: until, spec } = service;
  const former = { specIndex, until, spec };
  return { history: [former, ...(service.history ?? [])].slice(0, historyMax) };
}

/**
 * A job that was changed runs again, as in Swarm. One with a schedule waits for its next time,
 * unless it was forced; a schedule that is new counts from now.
 */
function nextRun(
  { facts }: Draft,
  { job, spec: before }: Service,
  { spec, isDirty }: { readonly spec: ServiceSpec; readonly isDirty: boolean },
): { readonly job?: JobStatus } {
  if (job === undefined) return {};
  const schedule = scheduleOf(spec.mode);
  const isForced = spec.task.forceUpdate !== before.task.forceUpdate;
  const isNew = schedule !== undefined && !isSame(schedule, scheduleOf(before.mode));
  const counted = isNew ? { ...job, scheduledFor: facts.wall } : job;
  if (schedule === undefined ? !isDirty : !isForced) return { job: counted };
  return { job: { ...counted, iteration: job.iteration + 1, startedAt: facts.wall } };
}
