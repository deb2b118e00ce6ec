/**
 * Jobs (Swarm's replicated-job and global-job): tasks that are meant to end. A run of a job is an
 * iteration; a change of the service, a forced update or its schedule begins the next one, and
 * tasks of the one before are removed.
 *
 * Invariants:
 *   J1. At most `concurrent` tasks of a run are under way, and at most `completions` slots exist.
 *   J2. A slot that completed, or gave up, is never filled again in the same run.
 *   J3. Slots are numbered from 0, as in Docker.
 */
import { taskId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import { isJob } from "@skein/common/model/service-mode";
import { isTerminal } from "@skein/common/model/task-state";
import type { Command } from "../store/command.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import type { ClusterView } from "../store/view.ts";
import type { AtRest } from "./at-rest.ts";
import { eachService } from "./at-rest.ts";
import { inBatches } from "./batch.ts";
import type { FillItem } from "./fill-item.ts";
import { lacking, notFitting } from "./node-slots.ts";
import type { SlotState } from "./slot-state.ts";
import { slotStates } from "./slot-state.ts";
import { judgeSlot } from "./slot-verdict.ts";

const atRest: AtRest = new WeakMap();

export function jobs(context: DecideContext): Decided {
  return eachService(atRest, context, (service) => ({
    commands:
      isJob(service.spec.mode) && service.removed !== true ? decideRun(context, service) : [],
  }));
}

function decideRun(context: DecideContext, service: Service): readonly Command[] {
  const { view } = context;
  const { job } = service;
  if (job?.startedAt === undefined) return [];
  const states = slotStates(view, service);
  const current = states.filter(({ task }) => task?.iteration === job.iteration);
  const past = states.filter(({ task }) => task?.iteration !== job.iteration);
  const { id: serviceId } = service;
  const unfit = notFitting(view, service, current).filter((state) => isUnderWay(view, state));
  const removed = [...past, ...unfit].map(({ slot }) => ({
    slot: slot.slot,
    generation: slot.generation,
  }));
  const fills = newSlots(context, service, current);
  return [
    ...inBatches(removed, (items) => ({ kind: "remove-slots", serviceId, items })),
    ...inBatches(fills, (items) => ({ kind: "fill-slots", serviceId, items })),
  ];
}

/** Neither complete nor given up. */
export function isUnderWay(view: ClusterView, state: SlotState): boolean {
  const { task } = state;
  if (task === undefined || !isTerminal(task.status.state)) return true;
  return judgeSlot(view, state).kind === "replace";
}

function newSlots(
  { view, newId }: DecideContext,
  service: Service,
  current: readonly SlotState[],
): readonly FillItem[] {
  const { mode } = service.spec;
  const nodes = mode.kind === "global-job" ? lacking(view, service, current) : [];
  const count = mode.kind === "replicated-job" ? roomOf(view, mode, current) : nodes.length;
  const taken = new Set(current.map(({ slot }) => slot.slot));
  const items: FillItem[] = [];
  for (let slot = 0; items.length < count; slot += 1) {
    if (taken.has(slot)) continue;
    const node = nodes[items.length];
    items.push({
      slot,
      generation: 0,
      taskId: taskId(newId()),
      taskIndex: service.taskIndex,
      desired: "running",
      failures: 0,
      ...(node === undefined ? {} : { pinnedTo: node.id }),
    });
  }
  return items;
}

/** J1. */
function roomOf(
  view: ClusterView,
  mode: { readonly completions: number; readonly concurrent: number },
  current: readonly SlotState[],
): number {
  const left = Math.max(0, mode.completions - current.length);
  if (mode.concurrent === 0) return left;
  const busy = current.filter((state) => isUnderWay(view, state)).length;
  return Math.max(0, Math.min(left, mode.concurrent - busy));
}
