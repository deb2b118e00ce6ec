/**
 * What is where, counted once for a run of the scheduler and kept up while it places tasks: a placement
 * decided earlier in the run counts for all later ones, of the same service or not.
 */
import type { NodeId, ServiceId } from "@skein/common/ids";
import type { Task } from "@skein/common/model/task";
import { NODE_FAILURES_MAX, NODE_FAILURES_WINDOW_MS } from "../limits.ts";
import type { DecideContext } from "../store/decision.ts";
import type { Candidate } from "./filter.ts";
import type { NodeInfo } from "./node-info.ts";
import { isActive, nodeInfos, occupy } from "./node-info.ts";

export class Tally {
  readonly #context: DecideContext;
  /** Sorted by node id. */
  readonly #infos: readonly NodeInfo[];
  /** Wanted tasks by node, for the services met so far. */
  readonly #wanted = new Map<ServiceId, Map<NodeId, number>>();

  constructor(context: DecideContext) {
    this.#context = context;
    this.#infos = nodeInfos(context.view);
  }

  /** Every node, as the tasks of this one's service and version see it. */
  candidates(task: Task): readonly Candidate[] {
    const wanted = this.#wantedOf(task.serviceId);
    const failing = this.#failingNodes(task);
    const nodeCount = this.#infos.length;
    const start = rotation(task.serviceId, nodeCount);
    return this.#infos.map((info) => ({
      info,
      serviceTasks: wanted.get(info.id) ?? 0,
      penalty: failing.has(info.id) ? 1 : 0,
      rank: (info.index + start) % nodeCount,
    }));
  }

  place(task: Task, candidate: Candidate): void {
    const { id } = candidate.info;
    occupy(candidate.info, task);
    candidate.serviceTasks += 1;
    this.#wantedOf(task.serviceId).set(id, candidate.serviceTasks);
  }

  #wantedOf(id: ServiceId): Map<NodeId, number> {
    const known = this.#wanted.get(id);
    if (known !== undefined) return known;
    const wanted = new Map<NodeId, number>();
    for (const task of this.#context.view.tasksOfService(id)) {
      if (task.nodeId === undefined || !isActive(task)) continue;
      wanted.set(task.nodeId, (wanted.get(task.nodeId) ?? 0) + 1);
    }
    this.#wanted.set(id, wanted);
    return wanted;
  }

  /** Only failures of this version count: a bad release does not blacklist nodes for the next one. */
  #failingNodes({ serviceId, taskIndex }: Task): ReadonlySet<NodeId> {
    const since = this.#context.now - NODE_FAILURES_WINDOW_MS;
    const failures = new Map<NodeId, number>();
    for (const task of this.#context.view.tasksOfService(serviceId)) {
      const counts = hasFailed(task) && task.stateSince > since && task.taskIndex === taskIndex;
      if (!counts || task.nodeId === undefined) continue;
      failures.set(task.nodeId, (failures.get(task.nodeId) ?? 0) + 1);
    }
    const failing = [...failures].filter(([, count]) => count >= NODE_FAILURES_MAX);
    return new Set(failing.map(([id]) => id));
  }
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
