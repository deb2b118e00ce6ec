/**
 * When an ended task gets a successor, and how long that one waits. Pure arithmetic over the
 * stored rows: a new leader comes to the same answer (Swarm keeps these histories in memory and
 * loses them).
 *
 * Divergences from Swarm: the first retry is at once and the wait grows from there, unless the
 * user fixed it; the window of `maxAttempts` is measured back from the task's end, so that the
 * answer does not change with the time at which it is asked.
 */
import type { TaskSpec } from "@skein/common/model/service";
import type { Slot, Task } from "@skein/common/model/task";
import type { TaskState } from "@skein/common/model/task-state";
import type { StoreTime } from "@skein/common/time";
import { storeTime } from "@skein/common/time";
import {
  RESTART_ATTEMPTS_MAX,
  RESTART_BACKOFF_MS_MAX,
  RESTART_BACKOFF_MS_MIN,
  RESTART_STABLE_MS,
} from "../limits.ts";

export type RestartCondition = NonNullable<TaskSpec["restart"]>["condition"];

/** Swarm's default. A job's task is meant to complete: there `any` means `on-failure`. */
export function conditionOf(task: Task): RestartCondition {
  const condition = task.spec.restart?.condition ?? "any";
  return condition === "any" && task.iteration !== undefined ? "on-failure" : condition;
}

/** It ended by itself: nobody had asked it to, and no node was lost. */
export function endedByItself(state: TaskState): boolean {
  return state === "complete" || state === "failed" || state === "rejected";
}

/** May a task that ended by itself have a successor? */
export function mayRestart(task: Task, others: readonly Task[]): boolean {
  const condition = conditionOf(task);
  if (condition === "none") return false;
  if (condition === "on-failure" && task.status.state === "complete") return false;
  const attemptsMax = attemptsMaxOf(task.spec);
  return attemptsMax === 0 || attemptsBefore(task, others) < attemptsMax;
}

/** 0: no limit. */
export function attemptsMaxOf({ restart }: TaskSpec): number {
  return Math.min(restart?.maxAttempts ?? 0, RESTART_ATTEMPTS_MAX);
}

export interface Retry {
  /** Quick failures in a row, this one included. */
  readonly failures: number;
  readonly startAt: StoreTime;
}

/** Counted from the task's end, not from when we noticed: a change of leader lengthens nothing. */
export function retryAfter(task: Task, slot: Slot): Retry {
  const before = ranLong(task) ? 0 : slot.failures;
  const delayMs = task.spec.restart?.delayMs ?? backoffMs(before);
  return { failures: before + 1, startAt: storeTime(task.stateSince + delayMs) };
}

function attemptsBefore(task: Task, others: readonly Task[]): number {
  const windowMs = task.spec.restart?.windowMs ?? 0;
  const from = windowMs === 0 ? 0 : task.stateSince - windowMs;
  return others.filter(
    (other) =>
      other.taskIndex === task.taskIndex &&
      endedByItself(other.status.state) &&
      other.stateSince >= from,
  ).length;
}

function ranLong(task: Task): boolean {
  return (
    task.runningSince !== undefined && task.stateSince - task.runningSince >= RESTART_STABLE_MS
  );
}

/** 0, 250 ms, 500 ms, 1 s, … up to the maximum. */
function backoffMs(failuresBefore: number): number {
  if (failuresBefore === 0) return 0;
  // The exponent is bounded, so that a slot that fails for weeks does not overflow.
  const doublings = Math.min(failuresBefore - 1, 16);
  return Math.min(RESTART_BACKOFF_MS_MIN * 2 ** doublings, RESTART_BACKOFF_MS_MAX);
}
