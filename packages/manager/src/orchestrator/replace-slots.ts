/** Gives slots a task of the current version, in the order the update settings ask for. */
import { taskId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";
import { storeLater } from "@skein/common/time";
import { STOP_GRACE_MS_DEFAULT, STOP_REPORT_MS_MAX } from "../limits.ts";
import type { Command } from "../store/command.ts";
import type { DecideContext } from "../store/decision.ts";
import { inBatches } from "./batch.ts";
import { fillItem, shutdownItems } from "./fill-item.ts";
import type { SlotState } from "./slot-state.ts";
import { isLive } from "./slot-state.ts";
import { updateConfigOf } from "./update-config.ts";

const REASON = "updated";

export function replaceSlots(
  { view, now, newId }: DecideContext,
  service: Service,
  states: readonly SlotState[],
): readonly Command[] {
  const isStopFirst = updateConfigOf(service).order === "stop-first";
  const ends = isStopFirst ? states.flatMap(({ task }) => shutdownItems(task, REASON)) : [];
  const fills = states.map(({ slot, task }) => {
    const successor = { taskId: taskId(newId()), failures: 0, reason: REASON };
    const waits = isStopFirst && task !== undefined && isLive(view, task);
    const startAt = waits ? { startAt: latestEnd(now, task) } : {};
    return fillItem(service, slot, { ...successor, ...startAt });
  });
  const { id: serviceId } = service;
  return [
    ...inBatches(ends, (items) => ({ kind: "set-desired", items })),
    ...inBatches(fills, (items) => ({ kind: "fill-slots", serviceId, items })),
  ];
}

/** A node that works has reported the old task's end by then; one that does not is soon down. */
function latestEnd(now: StoreTime, task: Task): StoreTime {
  const graceMs = task.spec.process.stopGraceMs ?? STOP_GRACE_MS_DEFAULT;
  return storeLater(now, graceMs + STOP_REPORT_MS_MAX);
}
