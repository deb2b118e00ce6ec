/**
 * What one node is to run, as a versioned stream (swarmkit manager/dispatcher/assignments.go):
 * complete once, then increments, each on the version before.
 *
 * Invariants:
 *   D1. A worker that applied every message up to the newest, with nothing left to flush, has
 *       exactly `assignmentsOf(view, node)`.
 *   D2. A change costs the nodes it concerns, and nothing at the others.
 *   D3. At most `DISPATCH_UNTAKEN_MAX` messages are untaken; then changes are gathered, and the
 *       next message tells the newest of each task.
 */
import type { NodeId, TaskId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { Task } from "@skein/common/model/task";
import type { DesiredState } from "@skein/common/model/task-state";
import { isTerminal, TASK_STATES } from "@skein/common/model/task-state";
import type { Instant } from "@skein/common/time";
import { later } from "@skein/common/time";
import type { Assignment, ToWorker } from "@skein/common/wire/dispatch-messages";
import { DISPATCH_TAKEN_MS, DISPATCH_UNTAKEN_MAX } from "../limits.ts";
import type { ClusterView } from "../store/view.ts";

/**
 * A node's tasks as long as the cluster remembers them, sorted by id. Ended ones too: with the last
 * mention of a task its agent deletes what it printed, which is what someone asks for after a
 * crash.
 */
export function assignmentsOf(view: ClusterView, nodeId: NodeId): readonly Assignment[] {
  const node = view.nodes.get(nodeId);
  if (node === undefined) return [];
  return view
    .tasksOfNode(nodeId)
    .filter(isAssignable)
    .map((task) => assignmentOf(task, node));
}

export class AssignmentStream {
  readonly #nodeId: NodeId;
  /** The part of each assignment told last that can change. */
  readonly #told = new Map<TaskId, string>();
  readonly #dirty = new Set<TaskId>();
  #version = 0;
  #taken = 0;
  /** When the oldest untaken message was sent. */
  #untakenSince: Instant | undefined;

  constructor(nodeId: NodeId) {
    this.#nodeId = nodeId;
  }

  complete(now: Instant, view: ClusterView): ToWorker {
    const put = assignmentsOf(view, this.#nodeId);
    for (const one of put) this.#told.set(one.taskId, stampOf(one));
    const base = this.#next(now);
    return { kind: "assignments", complete: true, base, version: this.#version, put, remove: [] };
  }

  mark(taskId: TaskId): void {
    this.#dirty.add(taskId);
  }

  /** The node's own labels or name changed: they are part of every assignment. */
  markAll(): void {
    for (const taskId of this.#told.keys()) this.#dirty.add(taskId);
  }

  isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  /**
   * The next increment; undefined when nothing differs, or the worker has to take some first
   * (D3).
   */
  flush(now: Instant, view: ClusterView): ToWorker | undefined {
    if (this.#dirty.size === 0 || this.#version - this.#taken >= DISPATCH_UNTAKEN_MAX)
      return undefined;
    const put: Assignment[] = [];
    const remove: TaskId[] = [];
    const node = view.nodes.get(this.#nodeId);
    for (const taskId of [...this.#dirty].sort(compareIds)) {
      const task = view.tasks.get(taskId);
      const isHere = task?.nodeId === this.#nodeId && isAssignable(task);
      if (isHere && node !== undefined) this.#put(assignmentOf(task, node), put);
      else if (this.#told.delete(taskId)) remove.push(taskId);
    }
    this.#dirty.clear();
    if (put.length === 0 && remove.length === 0) return undefined;
    const base = this.#next(now);
    return { kind: "assignments", complete: false, base, version: this.#version, put, remove };
  }

  taken(now: Instant, version: number): void {
    if (version <= this.#taken || version > this.#version) return;
    this.#taken = version;
    this.#untakenSince = version === this.#version ? undefined : now;
  }

  /** When the worker is to be given up, if it takes nothing until then. */
  giveUpAt(): Instant | undefined {
    const since = this.#untakenSince;
    return since === undefined ? undefined : later(since, DISPATCH_TAKEN_MS);
  }

  /** Versions sent and taken: for `describe` and the invariants. */
  versions(): { readonly sent: number; readonly taken: number } {
    return { sent: this.#version, taken: this.#taken };
  }

  #put(assignment: Assignment, put: Assignment[]): void {
    const stamp = stampOf(assignment);
    if (this.#told.get(assignment.taskId) === stamp) return;
    this.#told.set(assignment.taskId, stamp);
    put.push(assignment);
  }

  /** Counts the version up and returns the one before. */
  #next(now: Instant): number {
    this.#untakenSince ??= now;
    this.#version += 1;
    return this.#version - 1;
  }
}

function isAssignable({ status }: Task): boolean {
  return TASK_STATES[status.state] >= TASK_STATES.assigned;
}

/** An agent that never heard of an ended task, or lost what it knew, must not start it. */
function desiredOf({ desired, status }: Task): DesiredState {
  return isTerminal(status.state) && desired !== "remove" ? "shutdown" : desired;
}

function assignmentOf(task: Task, node: Node): Assignment {
  const { id: taskId, serviceId, serviceName, slot, spec, ports, address } = task;
  return {
    taskId,
    serviceId,
    serviceName,
    slot,
    ...(task.pinnedTo === undefined ? {} : { pinnedTo: task.pinnedTo }),
    spec,
    ports,
    desired: desiredOf(task),
    ...(address === undefined ? {} : { address }),
    ...(task.generic === undefined ? {} : { generic: task.generic }),
    ...(task.networks === undefined ? {} : { networks: task.networks }),
    nodeId: node.id,
    nodeHostname: node.description.hostname,
    nodeLabels: node.spec.labels,
  };
}

/** A task's spec never changes; what does is told again when this text differs. */
function stampOf({ desired, address, nodeHostname, nodeLabels }: Assignment): string {
  const labels = Object.entries(nodeLabels).sort(([a], [b]) => compareIds(a, b));
  return JSON.stringify([desired, address ?? "", nodeHostname, labels]);
}
