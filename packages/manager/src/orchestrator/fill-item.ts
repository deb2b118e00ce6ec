/** The item that gives a slot its next task, and the one that asks the old task to end. */
import type { TaskId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Slot, Task } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";
import type { CommandOf } from "../store/command.ts";
import { isWanted } from "./slot-state.ts";

export type FillItem = CommandOf<"fill-slots">["items"][number];
export type DesiredItem = CommandOf<"set-desired">["items"][number];

export interface Successor {
  readonly taskId: TaskId;
  readonly failures: number;
  /** The task is held at `ready` until then: see promote.ts for what ends the wait. */
  readonly startAt?: StoreTime;
  /** The former task is not asked to end: it serves until this one does, or until then. */
  readonly servesUntil?: StoreTime;
  readonly reason: string;
}

export function fillItem(service: Service, slot: Slot, successor: Successor): FillItem {
  const { taskIndex } = service;
  const desired = successor.startAt === undefined ? "running" : "ready";
  const { slot: number, generation } = slot;
  return { slot: number, generation, taskIndex, desired, ...successor };
}

/** Empty when the task is gone, or was asked already. */
export function shutdownItems(task: Task | undefined, reason: string): readonly DesiredItem[] {
  if (task === undefined || !isWanted(task)) return [];
  return [{ taskId: task.id, desired: "shutdown", reason }];
}
