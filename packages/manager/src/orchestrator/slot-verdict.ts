/**
 * What the task of a slot needs, apart from updates: nothing, an end, or a successor. The restart
 * controller acts on it; the update supervisor leaves slots alone that it is about to give a
 * successor.
 */
import type { Task } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { ClusterView } from "../store/view.ts";
import type { Retry } from "./restart-policy.ts";
import { conditionOf, endedByItself, mayRestart, retryAfter } from "./restart-policy.ts";
import type { SlotState } from "./slot-state.ts";
import { isServing, isWanted } from "./slot-state.ts";

export type SlotVerdict =
  | { readonly kind: "keep" }
  /** Asked to end without a successor: a drained node under condition `none`. */
  | { readonly kind: "stop"; readonly reason: string }
  /**
   * `retry` is absent when nothing failed: the successor starts at once. `gently`: the task serves
   * until its successor does.
   */
  | {
      readonly kind: "replace";
      readonly reason: string;
      readonly retry?: Retry;
      readonly gently?: true;
    };

const KEEP: SlotVerdict = { kind: "keep" };

export function judgeSlot(view: ClusterView, { slot, task, others }: SlotState): SlotVerdict {
  if (task === undefined) return { kind: "replace", reason: "the task's record is gone" };
  const { state } = task.status;
  if (endedByItself(state)) {
    if (!mayRestart(task, others())) return KEEP;
    return { kind: "replace", reason: endText(task), retry: retryAfter(task, slot) };
  }
  const restarts = conditionOf(task) !== "none";
  if (isTerminal(state)) return restarts ? { kind: "replace", reason: `task ${state}` } : KEEP;
  if (!isWanted(task)) {
    return restarts ? { kind: "replace", reason: slot.reason ?? "task was stopped" } : KEEP;
  }
  // A slot of a global service has no other node to go to (global.ts).
  const loss = slot.pinnedTo === undefined ? nodeLoss(view, task) : undefined;
  if (loss === undefined) return KEEP;
  if (restarts) {
    // A job's task does its work twice if it runs beside its successor.
    const gently = loss.mustStop && isServing(task) && task.iteration === undefined;
    return { kind: "replace", reason: loss.reason, ...(gently ? { gently } : {}) };
  }
  return loss.mustStop ? { kind: "stop", reason: loss.reason } : KEEP;
}

interface Loss {
  readonly reason: string;
  /** The node still works and would run the task on. */
  readonly mustStop: boolean;
}

function nodeLoss(view: ClusterView, task: Task): Loss | undefined {
  if (task.nodeId === undefined) return undefined;
  const node = view.nodes.get(task.nodeId);
  if (node === undefined) return { reason: "node was removed", mustStop: false };
  const name = node.description.hostname;
  if (node.status.state === "down") {
    const why = node.status.message === "" ? "" : `: ${node.status.message}`;
    return { reason: `node ${name} is down${why}`, mustStop: false };
  }
  if (node.spec.availability === "drain") {
    return { reason: `node ${name} is drained`, mustStop: true };
  }
  return undefined;
}

function endText(task: Task): string {
  return task.status.error ?? `task ${task.status.state}`;
}
