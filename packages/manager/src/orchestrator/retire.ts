/**
 * Asks tasks to end that their slot has left behind. Usually whoever gave the slot its new task
 * has done so already; this is what ends the old task of a start-first update, and what repairs a
 * leader that died between two commands.
 *
 * Invariant O7: a slot has at most one task that is wanted, except a start-first update, and a
 * slot whose node is drained: there the old one serves until the new one is in rotation, in the
 * latter case until `Slot.servesUntil` at most.
 */
import type { Service } from "@skein/common/model/service";
import type { Slot, Task } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";
import { storeTime } from "@skein/common/time";
import type { DecideContext, Decided } from "../store/decision.ts";
import { isUnswitched } from "../store/traffic.ts";
import type { ClusterView } from "../store/view.ts";
import type { AtRest } from "./at-rest.ts";
import { eachService } from "./at-rest.ts";
import { inBatches } from "./batch.ts";
import { sooner } from "./deadline.ts";
import type { DesiredItem } from "./fill-item.ts";
import { shutdownItems } from "./fill-item.ts";
import { isLive, isServing, isWanted, slotStates } from "./slot-state.ts";
import { updateConfigOf } from "./update-config.ts";

const atRest: AtRest = new WeakMap();

export function retire(context: DecideContext): Decided {
  return eachService(atRest, context, (service) =>
    service.removed === true ? { commands: [] } : decideOne(context, service),
  );
}

function decideOne({ view, now }: DecideContext, service: Service): Decided {
  const items: DesiredItem[] = [];
  let again: StoreTime | undefined;
  if (!hasWantedLeftBehind(view, service)) return { commands: [] };
  for (const { slot, task, others } of slotStates(view, service)) {
    for (const other of others()) {
      if (!isWanted(other)) continue;
      const serves = other.status.state === "running" && isLive(view, other);
      if (serves && isReplacedGently(service, other, task)) continue;
      if (serves && hasTraffic(view, service, other)) continue;
      const until = serves
        ? (servesUntil(slot, task) ?? standsByUntil(view, service, other))
        : undefined;
      if (until !== undefined && until > now) again = sooner(again, until);
      else items.push(...shutdownItems(other, reasonOf(service, other, task)));
    }
  }
  const commands = inBatches(items, (batch) => ({ kind: "set-desired", items: batch }));
  return again === undefined ? { commands } : { commands, again };
}

const MOVED_ON = "slot moved on";

/** Its node is drained, and its successor does not serve yet. */
function servesUntil(slot: Slot, task: Task | undefined): StoreTime | undefined {
  if (slot.servesUntil === undefined || task === undefined || isServing(task)) return undefined;
  return storeTime(slot.servesUntil);
}

/** One cheap pass that spares the usual case, where there is nothing to do. */
function hasWantedLeftBehind(view: ClusterView, service: Service): boolean {
  const wanted = view.tasksOfService(service.id).filter(isWanted).length;
  const current = slotStates(view, service).filter(
    ({ task }) => task !== undefined && isWanted(task),
  );
  return wanted > current.length;
}

/** The new task is not in rotation yet and may never be: the old one goes on serving meanwhile. */
function isReplacedGently(service: Service, old: Task, task: Task | undefined): boolean {
  if (task === undefined || old.taskIndex >= task.taskIndex) return false;
  return updateConfigOf(service).order === "start-first" && !isServing(task);
}

/**
 * Of the set that the new one has not taken the traffic from. A drained node waits for the end of
 * the update, which has a deadline, and for no more.
 */
function hasTraffic(view: ClusterView, service: Service, old: Task): boolean {
  if (!isUnswitched(service) || old.taskIndex !== service.traffic?.taskIndex) return false;
  const state = service.updateStatus?.state;
  const isOver = state === "paused" || state === "rollback_paused";
  return !(isOver && isOnDrained(view, old));
}

/** Of the set that had the traffic before. */
function standsByUntil(view: ClusterView, service: Service, old: Task): StoreTime | undefined {
  const { standby, standbyUntil } = service.traffic ?? {};
  if (old.taskIndex !== standby || standbyUntil === undefined) return undefined;
  return isUnswitched(service) || isOnDrained(view, old) ? undefined : storeTime(standbyUntil);
}

function isOnDrained(view: ClusterView, { nodeId }: Task): boolean {
  return nodeId !== undefined && view.nodes.get(nodeId)?.spec.availability === "drain";
}

function reasonOf(service: Service, old: Task, task: Task | undefined): string {
  if (old.taskIndex === service.traffic?.standby) return "its time as the way back is over";
  return task === undefined ? MOVED_ON : `replaced by task ${task.id}`;
}
