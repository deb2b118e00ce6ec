/**
 * The task reaper: ends what nobody is left to end, and deletes what nobody needs any more.
 *
 * Invariants:
 *   O12. A row goes only when the task is over: reported so by its agent, or given up as orphaned
 *        when its node was removed or lost for long. Its address and ports are free from then on,
 *        so deleting earlier would hand them out twice.
 *   O13. A service's row goes after its last task and slot.
 *   O14. History that a decision still rests on stays: restart attempts, failures of a running
 *        update.
 */
import type { TaskId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { slotKey } from "@skein/common/model/task";
import { isTerminal, TASK_STATES } from "@skein/common/model/task-state";
import type { StoreTime } from "@skein/common/time";
import { storeTime } from "@skein/common/time";
import { NODE_LOST_MS } from "../limits.ts";
import type { Command, CommandOf } from "../store/command.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import type { ClusterView } from "../store/view.ts";
import type { AtRest } from "./at-rest.ts";
import { eachService } from "./at-rest.ts";
import { inBatches } from "./batch.ts";
import { sooner } from "./deadline.ts";
import type { DesiredItem } from "./fill-item.ts";
import { surplusHistory } from "./history.ts";
import { isWanted } from "./slot-state.ts";

type EndItem = CommandOf<"end-tasks">["items"][number];

const atRest: AtRest = new WeakMap();

export function reap(context: DecideContext): Decided {
  return eachService(atRest, context, (service) => reapOne(context, service));
}

/** The commands build on each other: what is ended in this run is deleted in this run. */
function reapOne(context: DecideContext, service: Service): Decided {
  const { view } = context;
  const tasks = view.tasksOfService(service.id);
  const leftovers = tasks.flatMap((task) => leftover(view, task));
  const removed = new Set([
    ...tasks.filter(({ desired }) => desired === "remove").map(({ id }) => id),
    ...leftovers.map(({ taskId }) => taskId),
  ]);
  const { ends, again } = endings(context, tasks, removed);
  const ended = new Set(ends.map(({ taskId }) => taskId));
  const deletions: readonly TaskId[] = [
    ...tasks
      .filter(({ id, status }) => removed.has(id) && (isTerminal(status.state) || ended.has(id)))
      .map(({ id }) => id),
    ...(service.removed === true ? [] : surplusHistory(view, service)),
  ];
  const commands = [
    ...inBatches(leftovers, (items) => ({ kind: "set-desired", items })),
    ...inBatches(ends, (items) => ({ kind: "end-tasks", items })),
    ...inBatches(deletions, (taskIds) => ({ kind: "delete-tasks", taskIds })),
    ...clearService(view, service, new Set(deletions)),
  ];
  return again === undefined ? { commands } : { commands, again };
}

/** A task, dead ones too, whose service or slot is no more. */
function leftover(view: ClusterView, task: Task): readonly DesiredItem[] {
  if (task.desired === "remove") return [];
  const service = view.services.get(task.serviceId);
  const isKept = service !== undefined && service.removed !== true;
  if (isKept && view.slots.get(slotKey(task.serviceId, task.slot)) !== undefined) return [];
  const reason = isKept ? "scaled down" : "service was removed";
  return [{ taskId: task.id, desired: "remove", reason }];
}

function endings(
  { view, now }: DecideContext,
  tasks: readonly Task[],
  removed: ReadonlySet<TaskId>,
): { readonly ends: readonly EndItem[]; readonly again: StoreTime | undefined } {
  const ends: EndItem[] = [];
  let again: StoreTime | undefined;
  for (const task of tasks) {
    const { id: taskId, status } = task;
    if (isTerminal(status.state)) continue;
    const lostAt = lostTime(view, task);
    if (TASK_STATES[status.state] <= TASK_STATES.pending) {
      if (isWanted(task) && !removed.has(taskId)) continue;
      ends.push({ taskId, state: "shutdown", message: "no longer wanted" });
    } else if (lostAt !== undefined && lostAt <= now) {
      const message = lostAt === 0 ? "node was removed" : "node was down for too long";
      ends.push({ taskId, state: "orphaned", message });
    } else {
      again = sooner(again, lostAt);
    }
  }
  return { ends, again };
}

/** When the task's node counts as lost for good; 0 when it is already. */
function lostTime(view: ClusterView, task: Task): StoreTime | undefined {
  if (task.nodeId === undefined) return undefined;
  const status = view.nodes.get(task.nodeId)?.status;
  if (status === undefined) return storeTime(0);
  if (status.state !== "down" || status.since === undefined) return undefined;
  return storeTime(status.since + NODE_LOST_MS);
}

/** O13. */
function clearService(
  view: ClusterView,
  service: Service,
  deleted: ReadonlySet<TaskId>,
): readonly Command[] {
  if (service.removed !== true) return [];
  const { id: serviceId } = service;
  const slots = inBatches(view.slotsOfService(serviceId), (batch) => ({
    kind: "remove-slots",
    serviceId,
    items: batch.map(({ slot, generation }) => ({ slot, generation })),
  }));
  const isEmpty = view.tasksOfService(serviceId).every(({ id }) => deleted.has(id));
  return isEmpty ? [...slots, { kind: "forget-service", serviceId }] : slots;
}
