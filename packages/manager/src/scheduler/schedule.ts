/**
 * The scheduler (Swarm's `manager/scheduler`): pending tasks that are wanted get a node; those
 * that get none are told why. Equal tasks (same service, same version) are one group: the filters
 * run once for it. What a placement takes is booked at once, so that the decisions of one run fit
 * together.
 *
 * Left out on purpose: preemption, rebalancing and bin packing. A placement is final.
 *
 * Invariants, against a slow oracle in schedule.property.test.ts:
 *   P1. A task goes only to a node that every filter admits, counting what this run already placed.
 *   P2. No admissible node of the chosen branch is better (`isBetter`) than the one chosen.
 *   P3. Decided again on the state that results, it decides nothing, up to `SCHEDULE_TASKS_MAX` a
 *       run.
 */
import type { ServiceId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Task } from "@skein/common/model/task";
import { SCHEDULE_CHUNK_TASKS, SCHEDULE_TASKS_MAX } from "../limits.ts";
import { inBatches } from "../orchestrator/batch.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import { waitsFor } from "./dependencies.ts";
import { keptNodes } from "./kept-nodes.ts";
import { isActive } from "./node-info.ts";
import type { Explanation, Group } from "./place-group.ts";
import { explainGroup, placeGroup } from "./place-group.ts";
import { placementSpec } from "./placement-spec.ts";
import type { Placement } from "./tally.ts";
import { Tally } from "./tally.ts";

export function schedule(context: DecideContext): Decided {
  const pending = context.view.pendingTasks();
  if (!pending.some(isSchedulable)) return { commands: [] };
  const tally = new Tally(context, keptNodes(context.view));
  const placements: Placement[] = [];
  const leftOver = new Map<string, Group>();
  const waiting: Explanation[] = [];
  for (let from = 0; from < pending.length; from += SCHEDULE_CHUNK_TASKS) {
    const chunk = pending.slice(from, from + SCHEDULE_CHUNK_TASKS);
    for (const group of groupsOf(context, chunk)) {
      const room = SCHEDULE_TASKS_MAX - placements.length;
      if (room === 0) break;
      const reason = waitsFor(context.view, context.view.services.get(group.first.serviceId));
      if (reason !== undefined) {
        waiting.push(...explained(group.tasks, reason));
        continue;
      }
      placements.push(...place(tally, { ...group, tasks: group.tasks.slice(0, room) }, leftOver));
    }
    if (placements.length === SCHEDULE_TASKS_MAX) break;
  }
  // Explained at the end: what a later group took is part of the reason (P3).
  const full = [...leftOver.values()].flatMap((group) => explainGroup(tally, group));
  const explanations = [...waiting, ...full];
  return {
    commands: [
      ...inBatches(placements, (items) => ({ kind: "assign-tasks", items })),
      ...inBatches(explanations.slice(0, SCHEDULE_TASKS_MAX), (items) => ({
        kind: "explain-tasks",
        items,
      })),
    ],
  };
}

/** Within a run nodes only fill up: a group that found none before need not ask again. */
function place(tally: Tally, group: Group, leftOver: Map<string, Group>): readonly Placement[] {
  const key = `${group.first.serviceId}/${group.first.taskIndex}`;
  const known = leftOver.get(key);
  const isPinned = group.first.pinnedTo !== undefined;
  const isKnownFull = known !== undefined && !isPinned;
  const { placements, left } = isKnownFull
    ? { placements: [], left: group.tasks }
    : placeGroup(tally, group);
  if (left.length > 0) leftOver.set(key, { ...group, tasks: [...(known?.tasks ?? []), ...left] });
  return placements;
}

/** For those that do not say so already. */
function explained(tasks: readonly Task[], error: string): readonly Explanation[] {
  return tasks
    .filter(({ status }) => status.error !== error)
    .map(({ id }) => ({ taskId: id, error }));
}

/** A task in `new` waits for the allocator; one that is not wanted for nothing. */
function isSchedulable(task: Task): boolean {
  return task.status.state === "pending" && isActive(task);
}

interface Waiting {
  readonly first: Task;
  readonly tasks: Task[];
  since: number;
}

/** Groups that wait longest come first, so that a flood of new tasks does not starve them. */
function groupsOf({ view }: DecideContext, pending: readonly Task[]): readonly Group[] {
  const byService = new Map<ServiceId, Waiting[]>();
  for (const task of pending) {
    if (!isSchedulable(task)) continue;
    const groups = byService.get(task.serviceId);
    const group = groups?.find(({ first }) => first.taskIndex === task.taskIndex);
    if (group !== undefined) {
      group.tasks.push(task);
      if (task.stateSince < group.since) group.since = task.stateSince;
      continue;
    }
    const fresh = { first: task, tasks: [task], since: task.stateSince };
    if (groups === undefined) byService.set(task.serviceId, [fresh]);
    else groups.push(fresh);
  }
  return [...byService.values()]
    .flat()
    .sort((a, b) => a.since - b.since || compareFirst(a.first, b.first))
    .map(({ first, tasks }) => ({ first, tasks, spec: placementSpec(view, first) }));
}

function compareFirst(a: Task, b: Task): number {
  return compareIds(a.serviceId, b.serviceId) || a.taskIndex - b.taskIndex;
}
