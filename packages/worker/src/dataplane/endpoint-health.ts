/**
 * What this node knows of backends besides the serving table: connections that failed, and nodes
 * that do not answer. The table says who may serve; this says who is likely to. More sources (such
 * as gossip's verdicts on nodes) come in by the same two words, `nodeSilent` and `nodeAnswers`.
 *
 * Invariants:
 *   E1. Only tasks and nodes of the table have an entry, so that the table bounds its size.
 *   E2. Failures that come together are one: the backoff must not jump to its end.
 */
import type { NodeId, TaskId } from "@skein/common/ids";
import type { Backend } from "@skein/common/model/routes";
import type { Instant } from "@skein/common/time";
import { later } from "@skein/common/time";
import { EJECT_MAX_MS, EJECT_MIN_MS } from "../limits.ts";

interface Ejection {
  readonly until: Instant;
  readonly failures: number;
}

/** `ejected` by failures of its own; `silent` with its whole node. */
export type Health = "well" | "ejected" | "silent";

export class EndpointHealth {
  #tasks: ReadonlySet<TaskId> = new Set();
  #nodes: ReadonlySet<NodeId> = new Set();
  readonly #ejections = new Map<TaskId, Ejection>();
  readonly #silent = new Set<NodeId>();

  /** Takes every backend of the table, and forgets strangers (E1). */
  retain(backends: Iterable<Backend>): void {
    const [tasks, nodes] = [new Set<TaskId>(), new Set<NodeId>()];
    for (const { taskId, nodeId } of backends) {
      tasks.add(taskId);
      nodes.add(nodeId);
    }
    this.#tasks = tasks;
    this.#nodes = nodes;
    for (const task of this.#ejections.keys()) if (!tasks.has(task)) this.#ejections.delete(task);
    for (const node of this.#silent) if (!nodes.has(node)) this.#silent.delete(node);
  }

  /** The backend did not take a connection: others first for a while. */
  failed(task: TaskId, now: Instant): void {
    if (!this.#tasks.has(task)) return;
    const former = this.#ejections.get(task);
    if (former !== undefined && now < former.until) return; // E2
    const failures = (former?.failures ?? 0) + 1;
    const backoffMs = Math.min(EJECT_MIN_MS * 2 ** (failures - 1), EJECT_MAX_MS);
    this.#ejections.set(task, { until: later(now, backoffMs), failures });
  }

  answered(task: TaskId): void {
    if (this.#ejections.size > 0) this.#ejections.delete(task);
  }

  nodeSilent(node: NodeId): void {
    if (this.#nodes.has(node)) this.#silent.add(node);
  }

  nodeAnswers(node: NodeId): void {
    this.#silent.delete(node);
  }

  /** True: nothing is known against anybody. */
  isCalm(): boolean {
    return this.#ejections.size === 0 && this.#silent.size === 0;
  }

  of(backend: Backend, now: Instant): Health {
    if (this.#silent.has(backend.nodeId)) return "silent";
    const ejection = this.#ejections.get(backend.taskId);
    return ejection !== undefined && now < ejection.until ? "ejected" : "well";
  }

  /** Tasks and nodes taken last at the moment, for metrics. */
  counts(now: Instant): { readonly ejected: number; readonly silentNodes: number } {
    let ejected = 0;
    for (const ejection of this.#ejections.values()) if (now < ejection.until) ejected += 1;
    return { ejected, silentNodes: this.#silent.size };
  }
}
