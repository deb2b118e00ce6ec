/**
 * A slot with its tasks, as every controller of this folder sees it. The slot row names the one
 * task that counts; all others of the same slot are history, or still on their way out.
 */
import type { Service } from "@skein/common/model/service";
import type { Slot, Task } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { ClusterView } from "../store/view.ts";

export interface SlotState {
  readonly slot: Slot;
  /** The task the slot names, if its row is still there. */
  readonly task: Task | undefined;
  /**
   * The slot's other tasks, oldest generation first. Asked for only where something is wrong: a
   * healthy service of a thousand slots is looked through without sorting its history.
   */
  others(): readonly Task[];
}

/** Sorted by slot number. */
export function slotStates(view: ClusterView, service: Service): readonly SlotState[] {
  let leftBehind: ReadonlyMap<number, readonly Task[]> | undefined;
  return view.slotsOfService(service.id).map((slot) => ({
    slot,
    task: slot.taskId === undefined ? undefined : view.tasks.get(slot.taskId),
    others: () => {
      leftBehind ??= tasksLeftBehind(view, service);
      return leftBehind.get(slot.slot) ?? [];
    },
  }));
}

/** Tasks that no slot names any more, by slot number, oldest generation first. */
export function tasksLeftBehind(
  view: ClusterView,
  service: Service,
): ReadonlyMap<number, readonly Task[]> {
  const current = new Set(view.slotsOfService(service.id).map(({ taskId }) => taskId));
  const bySlot = new Map<number, Task[]>();
  for (const task of view.tasksOfService(service.id)) {
    if (current.has(task.id)) continue;
    const tasks = bySlot.get(task.slot);
    if (tasks === undefined) bySlot.set(task.slot, [task]);
    else tasks.push(task);
  }
  for (const tasks of bySlot.values()) tasks.sort((a, b) => a.generation - b.generation);
  return bySlot;
}

/** Desired to run, now or when its time comes. */
export function isWanted(task: Task): boolean {
  return task.desired === "ready" || task.desired === "running";
}

/** A process of it may exist on a node that can still report its end: worth waiting for. */
export function isLive(view: ClusterView, task: Task): boolean {
  if (isTerminal(task.status.state) || task.nodeId === undefined) return false;
  const node = view.nodes.get(task.nodeId);
  return node !== undefined && node.status.state !== "down";
}

/** Traffic reaches it: the old task of a start-first update may go. */
export function isServing(task: Task): boolean {
  return task.status.state === "running" && task.status.inRotation === true;
}

/** Services that are not removed, sorted by id. */
export function livingServices(view: ClusterView): readonly Service[] {
  return view.services.list().filter(({ removed }) => removed !== true);
}
