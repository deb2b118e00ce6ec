/**
 * What is where, as a run of the scheduler sees it: a placement decided earlier in the run counts
 * for all later ones, of the same service or not.
 */
import type { NodeId, ServiceId, TaskId } from "@skein/common/ids";
import type { Task } from "@skein/common/model/task";
import { NODE_FAILURES_MAX, NODE_FAILURES_WINDOW_MS } from "../limits.ts";
import type { DecideContext } from "../store/decision.ts";
import type { Candidate } from "./filter.ts";
import { chooseUnits } from "./generic.ts";
import type { KeptNodes } from "./kept-nodes.ts";
import { freshNodes } from "./kept-nodes.ts";
import { isActive } from "./node-info.ts";
import { placementSpec } from "./placement-spec.ts";

export interface Placement {
  readonly taskId: TaskId;
  readonly nodeId: NodeId;
  readonly generic?: Readonly<Record<string, string>>;
}

export class Tally {
  readonly #context: DecideContext;
  readonly #nodes: KeptNodes;
  /** For the services met so far. */
  readonly #services = new Map<ServiceId, Seen>();

  /** `nodes`: only the scheduler itself keeps them from run to run. */
  constructor(context: DecideContext, nodes: KeptNodes = freshNodes(context.view)) {
    this.#context = context;
    this.#nodes = nodes;
  }

  /**
   * Every node, as the tasks of this one's service and version see it. The same objects each
   * time: what was made of an earlier answer is over.
   */
  candidates(task: Task): readonly Candidate[] {
    const { wanted, failed } = this.#seenOf(task.serviceId);
    const failing = failingNodes(failed, task.taskIndex);
    const packs = placementSpec(this.#context.view, task).strategy === "binpack";
    const { candidates } = this.#nodes;
    const nodeCount = candidates.length;
    let rank = rotation(task.serviceId, nodeCount);
    for (const candidate of candidates) {
      const { id } = candidate.info;
      candidate.serviceTasks = wanted.size === 0 ? 0 : (wanted.get(id) ?? 0);
      candidate.packs = packs;
      candidate.penalty = failing.size > 0 && failing.has(id) ? 1 : 0;
      candidate.rank = rank;
      rank = rank + 1 === nodeCount ? 0 : rank + 1;
    }
    return candidates;
  }

  /**
   * The best node for tasks that neither spread nor pack, if one of those that hold nothing of the
   * service fits: then no other is better, and none need be looked at. Undefined: look at all.
   */
  untouched(task: Task, admissible: (candidate: Candidate) => boolean): Candidate | undefined {
    const { wanted, failed } = this.#seenOf(task.serviceId);
    const failing = failingNodes(failed, task.taskIndex);
    const nodeCount = this.#nodes.candidates.length;
    const start =
      nodeCount === 0 ? 0 : (nodeCount - rotation(task.serviceId, nodeCount)) % nodeCount;
    return this.#nodes.emptiest(start, (candidate) => {
      const { id } = candidate.info;
      if (wanted.has(id) || failing.has(id)) return false;
      candidate.serviceTasks = 0;
      return admissible(candidate);
    });
  }

  /** Books the task there; what it is given of the node's generic resources is returned with it. */
  place(task: Task, candidate: Candidate): Placement {
    const placement = { taskId: task.id, nodeId: candidate.info.id };
    const generic = task.spec.generic === undefined ? {} : chooseUnits(candidate.info, task);
    const isGiven = Object.keys(generic).length > 0;
    this.#nodes.book(candidate, isGiven ? { ...task, generic } : task);
    candidate.serviceTasks += 1;
    this.#seenOf(task.serviceId).wanted.set(candidate.info.id, candidate.serviceTasks);
    return isGiven ? { ...placement, generic } : placement;
  }

  /** A task that is to go elsewhere counts there no longer; it holds what it has until it ends. */
  leave(task: Task, candidate: Candidate): void {
    candidate.serviceTasks -= 1;
    this.#seenOf(task.serviceId).wanted.set(candidate.info.id, candidate.serviceTasks);
  }

  #seenOf(id: ServiceId): Seen {
    const known = this.#services.get(id);
    if (known !== undefined) return known;
    const since = this.#context.now - NODE_FAILURES_WINDOW_MS;
    const seen: Seen = { wanted: new Map(), failed: [] };
    for (const task of this.#context.view.tasksOfService(id)) {
      if (task.nodeId === undefined) continue;
      if (isActive(task)) seen.wanted.set(task.nodeId, (seen.wanted.get(task.nodeId) ?? 0) + 1);
      else if (hasFailed(task) && task.stateSince > since) seen.failed.push(task);
    }
    this.#services.set(id, seen);
    return seen;
  }
}

/** What a service has on the nodes. */
interface Seen {
  /** Wanted tasks by node. */
  readonly wanted: Map<NodeId, number>;
  /** Tasks that failed of late. */
  readonly failed: Task[];
}

/** Only failures of this version count: a bad release does not blacklist nodes for the next one. */
function failingNodes(failed: readonly Task[], taskIndex: number): ReadonlySet<NodeId> {
  const counts = new Map<NodeId, number>();
  for (const task of failed) {
    if (task.nodeId === undefined || task.taskIndex !== taskIndex) continue;
    counts.set(task.nodeId, (counts.get(task.nodeId) ?? 0) + 1);
  }
  const failing = [...counts].filter(([, count]) => count >= NODE_FAILURES_MAX);
  return new Set(failing.map(([id]) => id));
}

function hasFailed(task: Task): boolean {
  return task.status.state === "failed" || task.status.state === "rejected";
}

/** Where a service begins its round of the nodes; any spread of the ids will do (FNV-1a). */
function rotation(id: ServiceId, nodeCount: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193) >>> 0;
  }
  return nodeCount === 0 ? 0 : hash % nodeCount;
}
