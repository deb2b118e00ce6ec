/**
 * A task as what Docker's clients call a container: its id, name, labels and state. Manager and
 * worker both make these from what they know; the shapes are in container-list.ts and
 * container-inspect.ts.
 *
 * Invariants:
 *   C1. The id is a function of the task's id alone: every node and every manager names a task
 *       alike, and it is never the task's own id, so that `docker inspect` tells both apart.
 */
import type { NodeId, TaskId } from "../ids.ts";
import type { PortSpec, TaskSpec } from "../model/service.ts";
import type { TaskStatus } from "../model/task.ts";
import { taskName } from "../model/task.ts";

export interface ContainerFacts {
  readonly taskId: TaskId;
  readonly serviceId: string;
  readonly serviceName: string;
  readonly slot: number;
  /** Of a global service: the node takes the slot's place in names. */
  readonly pinnedTo?: NodeId;
  readonly nodeId: NodeId;
  readonly spec: TaskSpec;
  readonly ports: readonly PortSpec[];
  readonly status: TaskStatus;
  /** Wall milliseconds. */
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly address?: string;
}

/** Docker's words for what a container does. */
export type ContainerState = "created" | "running" | "exited";

/** Undefined: nothing was made of the task on any node. */
export function containerState(status: TaskStatus): ContainerState | undefined {
  switch (status.state) {
    case "preparing":
    case "ready":
    case "starting":
      return "created";
    case "running":
      return "running";
    case "complete":
    case "failed":
    case "shutdown":
      // Stopped before it began: there is nothing that could have exited.
      return status.exitCode === undefined ? undefined : "exited";
    default:
      return undefined;
  }
}

/** "web.1.<task id>", as Docker names the containers of a task. */
export function containerName(facts: ContainerFacts): string {
  return `${taskName(facts)}.${facts.taskId}`;
}

/** Docker's labels of a task's container win over the user's of the same name. */
export function containerLabels(facts: ContainerFacts): Readonly<Record<string, string>> {
  return {
    ...facts.spec.process.labels,
    "com.docker.swarm.node.id": facts.nodeId,
    "com.docker.swarm.service.id": facts.serviceId,
    "com.docker.swarm.service.name": facts.serviceName,
    "com.docker.swarm.task": "",
    "com.docker.swarm.task.id": facts.taskId,
    "com.docker.swarm.task.name": containerName(facts),
  };
}

/** The command as it runs: entry point, then arguments. */
export function containerCommand(facts: ContainerFacts): readonly string[] {
  return [...facts.spec.process.command, ...facts.spec.process.args];
}

/** C1. */
export function containerId(task: TaskId): string {
  return hexId(task);
}

/**
 * 64 hex digits as Docker's ids have, the same for the same text: two hashes of it, mixed anew for
 * each lane. A lookup makes one for every task there is, so it must cost little.
 */
export function hexId(text: string): string {
  const low = hash(text, LOW_SEED);
  const high = hash(text, GOLDEN);
  let id = "";
  for (let lane = 1; lane <= ID_LANES; lane += 1) id += hex(laneOf(low, high, lane));
  return id;
}

/**
 * Does the container's id begin so? Of 10,000 tasks that do not, the first lane tells, without a
 * string being made.
 */
export function hasIdPrefix(task: TaskId, prefix: string): boolean {
  const digits = prefix.slice(0, LANE_DIGITS);
  if (!/^[0-9a-f]+$/.test(digits)) return false;
  const first = laneOf(hash(task, LOW_SEED), hash(task, GOLDEN), 1);
  const begins = first >>> (4 * (LANE_DIGITS - digits.length));
  if (begins !== Number.parseInt(digits, 16)) return false;
  return prefix.length === digits.length || containerId(task).startsWith(prefix);
}

const ID_LANES = 8;
const LANE_DIGITS = 8;
const LOW_SEED = 0x811c9dc5;
/** 2^32 divided by the golden ratio: seeds far apart. */
const GOLDEN = 0x9e3779b1;

function laneOf(low: number, high: number, lane: number): number {
  return finish((low + Math.imul(lane, GOLDEN)) ^ Math.imul(high, 2 * lane + 1));
}

function hex(value: number): string {
  return value.toString(16).padStart(LANE_DIGITS, "0");
}

/** FNV-1a over the characters. */
function hash(text: string, seed: number): number {
  let value = seed;
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  }
  return value;
}

/** The finaliser of MurmurHash3: every bit depends on all. */
function finish(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** What an image's id would be: clients cut it at the colon and compare. */
export const HOST_IMAGE_ID = `sha256:${"0".repeat(64)}`;
