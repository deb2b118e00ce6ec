/**
 * How far the update of one slot has come, read from the rows alone: a supervisor that starts
 * anew under another leader sees the same.
 *
 * Invariant O8: a slot that is neither up to date nor failed has a deadline (Swarm has none here,
 * so that an update to something that cannot be placed hangs there for ever).
 */

import type { TaskId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { TASK_STATES } from "@skein/common/model/task-state";
import type { StoreTime } from "@skein/common/time";
import { storeTime } from "@skein/common/time";
import {
  UPDATE_HEALTH_MARGIN_MS,
  UPDATE_PENDING_MS_MAX,
  UPDATE_ROTATION_MS_MAX,
  UPDATE_START_MS_MAX,
} from "../limits.ts";
import type { DecideContext } from "../store/decision.ts";
import { isUnswitched } from "../store/traffic.ts";
import { conditionOf, endedByItself } from "./restart-policy.ts";
import type { SlotState } from "./slot-state.ts";
import { isServing } from "./slot-state.ts";
import { judgeSlot } from "./slot-verdict.ts";
import { updateConfigOf } from "./update-config.ts";

export type SlotPhase =
  /** Its task is of an older version, or of an earlier try: to be replaced by the supervisor. */
  | { readonly kind: "stale" }
  /** About to get a task of the current version from the restart supervisor. */
  | { readonly kind: "moving" }
  /** Of the current version and not yet in rotation; failed when that is not so by `until`. */
  | { readonly kind: "waiting"; readonly until: StoreTime }
  | { readonly kind: "failed"; readonly taskId: TaskId }
  /** In rotation since then, or over and meant to be. */
  | { readonly kind: "settled"; readonly since: StoreTime };

export function phaseOf(
  { view, now }: DecideContext,
  service: Service,
  state: SlotState,
): SlotPhase {
  const { task } = state;
  const isMoving = judgeSlot(view, state).kind === "replace";
  if (task === undefined) return { kind: "moving" };
  if (task.taskIndex < service.taskIndex) return { kind: isMoving ? "moving" : "stale" };
  const failed = earlyFailure(service, state);
  if (failed !== undefined) return { kind: "failed", taskId: failed.id };
  if (isMoving) return { kind: "moving" };
  const isOver = TASK_STATES[task.status.state] > TASK_STATES.running;
  if (isOver || isServing(task)) return { kind: "settled", since: storeTime(task.stateSince) };
  const until = deadlineOf(service, task);
  if (until > now) return { kind: "waiting", until };
  // Stuck in an earlier try of the same update: sending it again tries again.
  return isOfThisTry(service, task) ? { kind: "failed", taskId: task.id } : { kind: "stale" };
}

/** Last written after the spec was (`specIndex`). */
function isOfThisTry({ specIndex }: Service, { version }: Task): boolean {
  return version > specIndex;
}

/**
 * A task of this version that ended before its monitor period was over. Those of an earlier try
 * of the same update do not count again.
 */
function earlyFailure(service: Service, { task, others }: SlotState): Task | undefined {
  const tasks = task === undefined ? others() : [...others(), task];
  return tasks.find(
    (one) =>
      one.taskIndex === service.taskIndex &&
      isOfThisTry(service, one) &&
      endedByItself(one.status.state) &&
      (one.status.state !== "complete" || conditionOf(one) === "any") &&
      isWatched(service, one),
  );
}

/** It ended within the monitor period, which begins anew when a whole set gets the traffic. */
function isWatched(service: Service, { runningSince, stateSince }: Task): boolean {
  const { monitorMs } = updateConfigOf(service);
  if (runningSince === undefined || isUnswitched(service)) return true;
  return stateSince - Math.max(runningSince, service.traffic?.since ?? 0) <= monitorMs;
}

function deadlineOf(service: Service, task: Task): StoreTime {
  return storeTime(task.stateSince + waitMsOf(service, task));
}

/** How long a task may be in its state before the update has failed (O8). */
function waitMsOf({ spec }: Service, { status, spec: { process } }: Task): number {
  if (TASK_STATES[status.state] <= TASK_STATES.pending) return UPDATE_PENDING_MS_MAX;
  const { health } = process;
  if (status.state === "starting" && health !== undefined) {
    const checksMs = health.retries * (health.intervalMs + health.timeoutMs);
    return health.startPeriodMs + checksMs + UPDATE_HEALTH_MARGIN_MS;
  }
  if (status.state !== "running") return UPDATE_START_MS_MAX;
  return spec.updateDeadlineMs ?? UPDATE_ROTATION_MS_MAX;
}
