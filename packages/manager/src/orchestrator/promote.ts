/**
 * Promotes tasks that are held at desired state `ready` to `running`. Two things hold a task there:
 *
 *   after a failure (`Slot.failures` > 0)   `startAt` is the earliest time: the restart delay
 *   in a stop-first update (failures 0)     `startAt` is the latest time: the old task's end
 *   comes first,
 *                                           and one that never reports its end holds up nothing
 *                                           for ever
 *
 * Invariant O6: a held task always has a deadline.
 */

import type { Service } from "@skein/common/model/service";
import type { StoreTime } from "@skein/common/time";
import { storeTime } from "@skein/common/time";
import type { DecideContext, Decided } from "../store/decision.ts";
import type { ClusterView } from "../store/view.ts";
import type { AtRest } from "./at-rest.ts";
import { eachService } from "./at-rest.ts";
import { inBatches } from "./batch.ts";
import { sooner } from "./deadline.ts";
import type { DesiredItem } from "./fill-item.ts";
import type { SlotState } from "./slot-state.ts";
import { isLive, slotStates } from "./slot-state.ts";

const atRest: AtRest = new WeakMap();

export function promote(context: DecideContext): Decided {
  return eachService(atRest, context, (service) =>
    service.removed === true ? { commands: [] } : decideOne(context, service),
  );
}

function decideOne({ view, now }: DecideContext, service: Service): Decided {
  const items: DesiredItem[] = [];
  let again: StoreTime | undefined;
  for (const state of slotStates(view, service)) {
    if (state.task?.desired !== "ready") continue;
    const until = heldUntil(view, state);
    if (until > now) again = sooner(again, until);
    else items.push({ taskId: state.task.id, desired: "running", reason: "its time has come" });
  }
  const commands = inBatches(items, (batch) => ({ kind: "set-desired", items: batch }));
  return again === undefined ? { commands } : { commands, again };
}

function heldUntil(view: ClusterView, { slot, others }: SlotState): StoreTime {
  const startAt = storeTime(slot.startAt ?? 0);
  if (slot.failures > 0) return startAt;
  return others().some((task) => isLive(view, task)) ? startAt : storeTime(0);
}
