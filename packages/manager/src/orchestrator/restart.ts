/**
 * The restart supervisor: a slot whose task ended, or whose node is lost or drained, gets another
 * task.
 *
 * Invariants:
 *   O3. The loss or drain of a node is no failure: the successor starts at once. On a drain the
 *       old task serves until the new one does (retire.ts).
 *   O4. The first retry after a failure is at once; the next ones wait longer each time, or
 *       exactly as long as the user said. The wait is a stored deadline (`Slot.startAt`), not a
 *       timer.
 *   O5. Else the old task is asked to end in the same step, so that a node which was only cut off
 *       stops it.
 */
import { taskId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import { storeLater } from "@skein/common/time";
import { DRAIN_SERVES_MS_MAX } from "../limits.ts";
import type { Command } from "../store/command.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import type { AtRest } from "./at-rest.ts";
import { eachService } from "./at-rest.ts";
import { inBatches } from "./batch.ts";
import type { DesiredItem, FillItem } from "./fill-item.ts";
import { fillItem, shutdownItems } from "./fill-item.ts";
import { slotStates } from "./slot-state.ts";
import { judgeSlot } from "./slot-verdict.ts";

const atRest: AtRest = new WeakMap();

export function restart(context: DecideContext): Decided {
  return eachService(atRest, context, (service) => ({ commands: decideOne(context, service) }));
}

function decideOne({ view, now, newId }: DecideContext, service: Service): readonly Command[] {
  if (service.removed === true) return [];
  const ends: DesiredItem[] = [];
  const items: FillItem[] = [];
  for (const state of slotStates(view, service)) {
    const verdict = judgeSlot(view, state);
    if (verdict.kind === "keep") continue;
    const isGentle = verdict.kind === "replace" && verdict.gently === true;
    if (!isGentle) ends.push(...shutdownItems(state.task, verdict.reason));
    if (verdict.kind === "stop") continue;
    const { reason, retry } = verdict;
    const successor = { taskId: taskId(newId()), failures: retry?.failures ?? 0, reason };
    const waits = retry !== undefined && retry.startAt > now ? { startAt: retry.startAt } : {};
    const serves = isGentle ? { servesUntil: storeLater(now, DRAIN_SERVES_MS_MAX) } : {};
    items.push(fillItem(service, state.slot, { ...successor, ...waits, ...serves }));
  }
  const { id: serviceId } = service;
  return [
    ...inBatches(ends, (batch) => ({ kind: "set-desired", items: batch })),
    ...inBatches(items, (batch) => ({ kind: "fill-slots", serviceId, items: batch })),
  ];
}
