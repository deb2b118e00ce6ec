/**
 * Blue-green: a service has two complete sets of tasks, told apart by their `taskIndex`, and one of
 * them gets the traffic. Slots always name the set of the current version; the other set is what
 * they have left behind, and serves, or stands by.
 *
 * Invariants:
 *   B1. The traffic changes over in one entry: no table ever mixes the sets while the one that is
 *       to serve has a task in rotation.
 *   B2. A change of the spec never takes the traffic from the set that has it, but to give it back
 *       to the one that stands by.
 *   B3. A set that is taken back is named by its slots again, at their next generation and under
 *       the version that the change makes: to everybody else it is the newest there is.
 */
import type { Service, ServiceSpec, Traffic } from "@skein/common/model/service";
import { isJob } from "@skein/common/model/service-mode";
import type { Task } from "@skein/common/model/task";
import { slotKey } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";
import { storeLater, storeTime } from "@skein/common/time";
import type { Draft } from "./draft.ts";
import { isSame } from "./same.ts";
import { whatTasksAre } from "./what-tasks-are.ts";

/** A port of the node itself is held by one task at a time: no second set can be beside it. */
export function isBlueGreen({ update, mode, ports }: ServiceSpec): boolean {
  return (
    update?.order === "blue-green" && !isJob(mode) && ports.every((port) => port.mode !== "host")
  );
}

/** The set of the current version is not the one that gets the traffic. */
export function isUnswitched({ traffic, taskIndex }: Service): boolean {
  return traffic !== undefined && traffic.taskIndex !== taskIndex;
}

/** Undefined: the set of the current version has it already. */
export function switchedTraffic(
  service: Service,
  { now, standbyMs }: { readonly now: StoreTime; readonly standbyMs: number },
): Traffic | undefined {
  const { traffic, taskIndex } = service;
  if (traffic === undefined || traffic.taskIndex === taskIndex) return undefined;
  const switched = { taskIndex, since: now };
  if (standbyMs === 0) return switched;
  return { ...switched, standby: traffic.taskIndex, standbyUntil: storeLater(now, standbyMs) };
}

/** What a change of the spec took back. */
export interface Taken {
  readonly slots: number;
  readonly ofSlots: number;
  /** It had the traffic all the time. */
  readonly served: boolean;
  readonly at: StoreTime;
}

const NOTHING: Taken = { slots: 0, ofSlots: 0, served: false, at: storeTime(0) };

/**
 * Gives slots the task of the other set again, where it still runs: under the new version if it is
 * what the new spec asks for; as what it was where the sets are given up while it serves, so that
 * the update that follows begins with what serves.
 */
export function takeBack(draft: Draft, before: Service, next: Service): Taken {
  const { traffic } = before;
  if (traffic === undefined || next.taskIndex === before.taskIndex) return NOTHING;
  const served = isUnswitched(before);
  const isGivenUp = served && !isBlueGreen(next.spec);
  const left = leftBehind(draft, before);
  const asked = left.filter((task) => isAsked(task, next));
  for (const task of asked) nameAgain(draft, task, next.taskIndex);
  if (asked.length === 0 && isGivenUp)
    for (const task of left) nameAgain(draft, task, task.taskIndex);
  const ofSlots = draft.view.slotsOfService(before.id).length;
  return { slots: asked.length, ofSlots, served, at: draft.facts.time };
}

/** The row's `traffic` after a change of the spec; absent: every task in rotation gets some. */
export function nextTraffic(
  before: Service,
  next: Service,
  taken: Taken = NOTHING,
): { readonly traffic?: Traffic } {
  const { traffic } = before;
  const { taskIndex } = next;
  if (taskIndex === before.taskIndex) return traffic === undefined ? {} : { traffic };
  if (taken.slots > 0 && taken.served) return { traffic: { taskIndex } };
  // Less than half a set would be crushed by what the whole of the other one carries.
  const isEnough = taken.slots > 0 && taken.slots * 2 >= taken.ofSlots;
  if (isEnough) return { traffic: { taskIndex, since: taken.at } };
  if (!isBlueGreen(next.spec)) return {};
  return { traffic: { taskIndex: traffic?.taskIndex ?? before.taskIndex } };
}

/** Of each slot the newest task of the other set that runs where it can be reached. */
function leftBehind(draft: Draft, { id, taskIndex }: Service): readonly Task[] {
  const newest = new Map<number, Task>();
  for (const task of draft.view.tasksOfService(id)) {
    if (task.taskIndex === taskIndex || task.desired !== "running") continue;
    const node = task.nodeId === undefined ? undefined : draft.view.nodes.get(task.nodeId);
    if (task.status.state !== "running" || node?.status.state !== "ready") continue;
    const known = newest.get(task.slot);
    if (known === undefined || known.generation < task.generation) newest.set(task.slot, task);
  }
  return draft.view.slotsOfService(id).flatMap(({ slot }) => newest.get(slot) ?? []);
}

function isAsked(task: Task, { spec, ports }: Service): boolean {
  return isSame(whatTasksAre(task.spec), whatTasksAre(spec.task)) && isSame(task.ports, ports);
}

/** B3. */
function nameAgain(draft: Draft, task: Task, taskIndex: number): void {
  const slot = draft.slots.get(slotKey(task.serviceId, task.slot));
  if (slot === undefined) return;
  const { startAt: _held, servesUntil: _drained, ...kept } = slot;
  const generation = slot.generation + 1;
  const named = { taskId: task.id, generation, failures: 0, reason: "taken back" };
  draft.slots.put({ ...kept, ...named, version: draft.facts.index });
  draft.tasks.put({ ...task, generation, taskIndex });
}
