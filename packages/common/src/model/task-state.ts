/**
 * Task states: Swarm's numbers (swarmkit api/types.proto), only forward. The table below is data
 * that code, tests and docs/design/task-lifecycle.md share.
 */
import * as v from "valibot";

export const TASK_STATES = {
  new: 0,
  pending: 64,
  assigned: 192,
  accepted: 256,
  preparing: 320,
  ready: 384,
  starting: 448,
  running: 512,
  complete: 576,
  shutdown: 640,
  failed: 704,
  rejected: 768,
  remove: 800,
  orphaned: 832,
} as const;

export type TaskState = keyof typeof TASK_STATES;
export const taskStateSchema = v.picklist(Object.keys(TASK_STATES) as TaskState[]);

/** Desired states written by managers: `remove` means stop, then delete the row. */
export const DESIRED_STATES = ["ready", "running", "shutdown", "remove"] as const;
export type DesiredState = (typeof DESIRED_STATES)[number];
export const desiredStateSchema = v.picklist(DESIRED_STATES);

export type TransitionOwner = "orchestrator" | "allocator" | "scheduler" | "agent" | "leader";

export interface Transition {
  readonly from: TaskState;
  readonly to: TaskState;
  readonly owner: TransitionOwner;
}

const AGENT_STATES: readonly TaskState[] = [
  "assigned",
  "accepted",
  "preparing",
  "ready",
  "starting",
  "running",
];
const TERMINAL: readonly TaskState[] = ["complete", "shutdown", "failed", "rejected"];

/** Every legal edge with its one owner. An agent may skip states of its own, never go back. */
export const TRANSITIONS: readonly Transition[] = [
  { from: "new", to: "pending", owner: "allocator" },
  { from: "pending", to: "assigned", owner: "scheduler" },
  // A task that no node ever took is ended by the orchestrator that no longer wants it.
  { from: "new", to: "shutdown", owner: "orchestrator" },
  { from: "pending", to: "shutdown", owner: "orchestrator" },
  ...AGENT_STATES.flatMap((from, position) => [
    ...AGENT_STATES.slice(position + 1).map((to): Transition => ({ from, to, owner: "agent" })),
    ...TERMINAL.map((to): Transition => ({ from, to, owner: "agent" })),
    // The node is gone for good: nobody is left to report.
    { from, to: "orphaned", owner: "leader" } as const,
  ]),
];

const LEGAL = new Map(TRANSITIONS.map((edge) => [`${edge.from}>${edge.to}`, edge.owner]));

/** The owner of the edge, or undefined when there is no such edge. */
export function transitionOwner(from: TaskState, to: TaskState): TransitionOwner | undefined {
  return LEGAL.get(`${from}>${to}`);
}

export function isTerminal(state: TaskState): boolean {
  return TASK_STATES[state] > TASK_STATES.running;
}
