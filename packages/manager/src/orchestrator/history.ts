/**
 * Which dead tasks of a slot are kept. As in Docker the limit counts the slot's current task, so
 * that the usual 5 shows four ended ones below it.
 */
import type { TaskId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { ClusterView } from "../store/view.ts";
import { attemptsMaxOf, endedByItself } from "./restart-policy.ts";
import { tasksLeftBehind } from "./slot-state.ts";

/** Dead tasks beyond the limit, oldest first in each slot. */
export function surplusHistory(view: ClusterView, service: Service): readonly TaskId[] {
  const tasks = view.tasksOfService(service.id).length;
  if (tasks <= view.slotsOfService(service.id).length) return [];
  const keepMax = keptMax(view, service);
  return [...tasksLeftBehind(view, service).values()].flatMap((left) => {
    const dead = left.filter((task) => isTerminal(task.status.state) && task.desired !== "remove");
    if (dead.length <= keepMax) return [];
    const evidence = updateEvidence(service, dead);
    return dead
      .slice(0, dead.length - keepMax)
      .filter((task) => task !== evidence)
      .map(({ id }) => id);
  });
}

/**
 * Restart attempts are counted in the history, so that it must reach one further than the limit.
 */
function keptMax({ cluster }: ClusterView, service: Service): number {
  const limit = Math.max(0, (cluster?.taskHistoryLimit ?? 0) - 1);
  const attemptsMax = attemptsMaxOf(service.spec.task);
  return attemptsMax === 0 ? limit : Math.max(limit, attemptsMax);
}

/**
 * The newest failure of a version that is being rolled out: the update's verdict rests on it
 * (O14).
 */
function updateEvidence(service: Service, dead: readonly Task[]): Task | undefined {
  const state = service.updateStatus?.state;
  if (state !== "updating" && state !== "rollback_started") return undefined;
  return dead.findLast(
    (task) => task.taskIndex === service.taskIndex && endedByItself(task.status.state),
  );
}
