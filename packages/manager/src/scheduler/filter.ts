/**
 * One reason why a node may not take a task. One filter a file in `filter/`; `pipeline.ts` has
 * the order.
 */
import type { Task } from "@skein/common/model/task";
import type { Constraint } from "./constraint.ts";
import type { NodeInfo } from "./node-info.ts";

/** What one group of equal tasks asks of a node, worked out once for the group. */
export interface TaskAsk {
  readonly task: Task;
  /** Undefined where the text is not a constraint: it fits no node. */
  readonly constraints: readonly (Constraint | undefined)[];
  readonly hostPorts: readonly string[];
  /** "cpu", "memory", "pids". */
  readonly limits: readonly string[];
  readonly generic: readonly (readonly [kind: string, count: number])[];
}

/** A node as the tasks of one group see it. */
export interface Candidate {
  readonly info: NodeInfo;
  /** Wanted tasks of the service there. */
  serviceTasks: number;
  /** The service asks for `binpack`. */
  packs: boolean;
  /** 1: tasks of this version failed there again and again; it is tried last. */
  penalty: 0 | 1;
  /**
   * Breaks ties; differs between services, so that single tasks do not pile up on the first node.
   */
  rank: number;
}

export interface Filter {
  readonly name: string;
  /** False when the task asks nothing of this filter; the pipeline then skips it. */
  applies(ask: TaskAsk): boolean;
  admits(ask: TaskAsk, candidate: Candidate): boolean;
  /** A part of the sentence an operator reads: "no suitable node (…)". Docker's wording. */
  explain(nodeCount: number): string;
}

/** "1 node", "3 nodes". */
export function nodesText(count: number): string {
  return count === 1 ? "1 node" : `${count} nodes`;
}
