/**
 * A global service has a slot on every node that fits (Swarm's global orchestrator). The slot is
 * pinned: its tasks go to that node or wait for it. Restarts and updates of the task in it are
 * the same as anywhere.
 *
 * Invariants:
 *   G1. At most one slot a node; a slot's node never changes.
 *   G2. A node that is down keeps its slot, and a node that is paused its task.
 */
import { taskId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Command } from "../store/command.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import type { AtRest } from "./at-rest.ts";
import { eachService } from "./at-rest.ts";
import { inBatches } from "./batch.ts";
import type { FillItem } from "./fill-item.ts";
import { lacking, notFitting } from "./node-slots.ts";
import { slotStates } from "./slot-state.ts";

const atRest: AtRest = new WeakMap();

export function global(context: DecideContext): Decided {
  return eachService(atRest, context, (service) => ({ commands: decideOne(context, service) }));
}

function decideOne(context: DecideContext, service: Service): readonly Command[] {
  const { view } = context;
  const { id: serviceId, spec, removed } = service;
  if (spec.mode.kind !== "global" || removed === true) return [];
  const states = slotStates(view, service);
  const unfit = notFitting(view, service, states).map(({ slot }) => ({
    slot: slot.slot,
    generation: slot.generation,
  }));
  return [
    ...inBatches(unfit, (items) => ({ kind: "remove-slots", serviceId, items })),
    ...inBatches(newSlots(context, service), (items) => ({ kind: "fill-slots", serviceId, items })),
  ];
}

function newSlots({ view, newId }: DecideContext, service: Service): readonly FillItem[] {
  const states = slotStates(view, service);
  const taken = new Set(states.map(({ slot }) => slot.slot));
  let slot = 0;
  return lacking(view, service, states).map((node): FillItem => {
    do slot += 1;
    while (taken.has(slot));
    const { taskIndex } = service;
    const id = taskId(newId());
    const made = { slot, generation: 0, taskId: id, taskIndex, failures: 0 };
    return { ...made, desired: "running", pinnedTo: node.id };
  });
}
