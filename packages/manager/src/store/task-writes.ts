/**
 * The writes to tasks that several commands share. Every change of an observed state goes through
 * `moveTask`, which asks the transition table who may.
 *
 * Invariants:
 *   W1. The desired state only moves forward.
 *   W2. The observed state moves along an edge of the transition table, by the edge's owner.
 *   W3. A task of a removed service that is to be removed and has ended is deleted in the same
 *       step: `stack rm` waits for its tasks to be gone.
 *   W4. An address of the pool that is freed goes to a task that waits for one, in the same step:
 *       no wanted task is without an address while the pool has one.
 */

import type { Task, TaskStatus } from "@skein/common/model/task";
import type { DesiredState, TransitionOwner } from "@skein/common/model/task-state";
import { DESIRED_STATES, isTerminal, transitionOwner } from "@skein/common/model/task-state";
import type { Draft } from "./draft.ts";

/** Ready or running, and not ended: of one version, at most one task of a slot is. */
export function isWanted(task: Task): boolean {
  return !isTerminal(task.status.state) && isKept(task.desired);
}

/** W1. False when that would not be a step forward. */
export function moveDesired(draft: Draft, task: Task, desired: DesiredState): boolean {
  if (rank(desired) <= rank(task.desired)) return false;
  writeTask(draft, { ...task, desired });
  return true;
}

/** W2. False when `owner` may not make this step. */
export function moveTask(
  draft: Draft,
  task: Task,
  step: { readonly status: TaskStatus; readonly owner: TransitionOwner },
): boolean {
  const edge = transitionOwner(task.status.state, step.status.state);
  if (edge !== step.owner) return false;
  const stateSince = draft.facts.time;
  const running = step.status.state === "running" ? { runningSince: stateSince } : {};
  writeTask(draft, { ...task, status: step.status, stateSince, ...running });
  return true;
}

/** Deletes the row and hands its address on (W4). */
export function deleteTask(draft: Draft, task: Task): void {
  draft.tasks.remove(task.id);
  draft.releaseNetworkAddresses(task.networks ?? []);
  if (task.address === undefined) return;
  draft.releaseAddress(task.address);
  serveWaiting(draft);
}

/** W4. One address was freed, so at most one waiting task can be served. */
function serveWaiting(draft: Draft): void {
  for (let task = draft.nextWaiting(); task !== undefined; task = draft.nextWaiting()) {
    if (!isKept(task.desired)) continue;
    // A task that waits for an address of a network must not hold up those that do not.
    if (allocate(draft, task) || task.spec.networks === undefined) return;
  }
}

/** Gives a waiting task its addresses; false when there are still none. */
export function allocate(draft: Draft, task: Task): boolean {
  const given = draft.takeAddresses(task.spec.networks ?? []);
  if (!given.ok) return false;
  const status: TaskStatus = { state: "pending", at: draft.facts.wall, message: PENDING_MESSAGE };
  return moveTask(draft, { ...task, ...given.value }, { status, owner: "allocator" });
}

/** Swarm's words for a task that waits for the scheduler. */
export const PENDING_MESSAGE = "pending task scheduling";

function writeTask(draft: Draft, task: Task): void {
  const isLast = task.desired === "remove" && isTerminal(task.status.state);
  if (isLast && draft.services.get(task.serviceId)?.removed === true) deleteTask(draft, task);
  else draft.tasks.put(task);
}

function isKept(desired: DesiredState): boolean {
  return desired === "ready" || desired === "running";
}

function rank(desired: DesiredState): number {
  return DESIRED_STATES.indexOf(desired);
}
