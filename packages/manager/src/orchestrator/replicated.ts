/**
 * A replicated service has as many slots as replicas (Swarm's replicated orchestrator). Whether
 * the task of a slot is any good is not decided here: see restart.ts and update.ts.
 *
 * Invariants:
 *   O1. New slots take the lowest free numbers.
 *   O2. Scaling down takes slots that do not run before those that do, and among equals the highest
 *       number, so that what serves is kept.
 */
import { taskId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Command, CommandOf } from "../store/command.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import type { AtRest } from "./at-rest.ts";
import { eachService } from "./at-rest.ts";
import { inBatches } from "./batch.ts";
import type { SlotState } from "./slot-state.ts";
import { isServing, slotStates } from "./slot-state.ts";

type FillItem = CommandOf<"fill-slots">["items"][number];
type RemoveItem = CommandOf<"remove-slots">["items"][number];

const atRest: AtRest = new WeakMap();

export function replicated(context: DecideContext): Decided {
  return eachService(atRest, context, (service) => ({ commands: decideOne(context, service) }));
}

function decideOne(context: DecideContext, service: Service): readonly Command[] {
  const { view } = context;
  const { id: serviceId, spec, removed } = service;
  if (spec.mode.kind !== "replicated" || removed === true) return [];
  const missing = spec.mode.replicas - view.slotsOfService(serviceId).length;
  if (missing > 0) {
    return inBatches(newSlots(context, service, missing), (items) => ({
      kind: "fill-slots",
      serviceId,
      items,
    }));
  }
  if (missing === 0) return [];
  return inBatches(surplus(slotStates(view, service), -missing), (items) => ({
    kind: "remove-slots",
    serviceId,
    items,
  }));
}

function newSlots(
  { view, newId }: DecideContext,
  service: Service,
  missing: number,
): readonly FillItem[] {
  const taken = new Set(view.slotsOfService(service.id).map(({ slot }) => slot));
  const items: FillItem[] = [];
  for (let slot = 1; items.length < missing; slot += 1) {
    if (taken.has(slot)) continue;
    const { taskIndex } = service;
    const id = taskId(newId());
    items.push({ slot, generation: 0, taskId: id, taskIndex, desired: "running", failures: 0 });
  }
  return items;
}

function surplus(states: readonly SlotState[], count: number): readonly RemoveItem[] {
  return states
    .toSorted((a, b) => usefulness(a) - usefulness(b) || b.slot.slot - a.slot.slot)
    .slice(0, count)
    .map(({ slot }) => ({ slot: slot.slot, generation: slot.generation }));
}

/** What serves is kept longest, then what runs. */
function usefulness({ task }: SlotState): number {
  if (task === undefined || task.status.state !== "running") return 0;
  return isServing(task) ? 2 : 1;
}
