/**
 * What a node says of its own tasks and ports in its gossip namespace: `task/<id>` is
 * `[in rotation, draining]`, then the ports it was found listening on; `port/<n>` says that the
 * published port is served here.
 *
 * Invariant W1. A task that ended is said to be out of rotation for as long as the newest table
 * names it: only then is its key deleted, for without a word of its node the table counts.
 */
import { decodeJson } from "@skein/common/gossip/member-facts";
import type { TaskId } from "@skein/common/ids";
import { count } from "@skein/common/wire/schema";
import * as v from "valibot";
import type { FromDataPlane, ToDataPlane } from "../dataplane/protocol.ts";
import { ENDPOINT_PORTS_MAX } from "../limits.ts";

export interface Endpoint {
  readonly inRotation: boolean;
  readonly draining: boolean;
  /** Absent: not looked at, since it is on no overlay network. */
  readonly listens?: readonly number[];
}

export interface EndpointWrite {
  readonly key: string;
  /** Absent: deleted. */
  readonly value?: string;
}

const ports = v.pipe(v.array(count), v.maxLength(ENDPOINT_PORTS_MAX));
const schema = v.union([v.strictTuple([count, count]), v.strictTuple([count, count, ports])]);

export function taskKey(taskId: TaskId): string {
  return `task/${taskId}`;
}

export function endpointOf(value: string): Endpoint | undefined {
  const decoded = decodeJson(schema, value);
  if (decoded === undefined) return undefined;
  const [inRotation, draining, listens] = decoded;
  const state = { inRotation: inRotation === 1, draining: draining === 1 };
  return listens === undefined ? state : { ...state, listens };
}

const OUT: Endpoint = { inRotation: false, draining: false };

/** The endpoints of this node: what the agent and the data plane say, as writes. */
export class OwnEndpoints {
  readonly #tasks = new Map<TaskId, Endpoint>();
  readonly #listens = new Map<TaskId, readonly number[]>();
  readonly #gone = new Set<TaskId>();
  /** This node's tasks that the newest table names; undefined: no table is known yet. */
  #named: ReadonlySet<TaskId> | undefined;

  /** What the agent tells the data plane. */
  told(message: ToDataPlane): readonly EndpointWrite[] {
    if (message.kind === "task-gone") return this.#ended(message.taskId);
    if (message.kind !== "task") return [];
    const { taskId, draining, targetPorts } = message.task;
    this.#gone.delete(taskId);
    // Without ports there is nothing to wait for: it is in rotation at once.
    const known =
      this.#tasks.get(taskId) ??
      (targetPorts.length === 0 ? { inRotation: true, draining: false } : undefined);
    // Until it was in rotation once, nobody serves it: there is nothing to take back.
    return known === undefined ? [] : this.#put(taskId, { ...known, draining });
  }

  /** What the data plane found. */
  heard(message: FromDataPlane): readonly EndpointWrite[] {
    if (message.kind === "listening") return [portWrite(message.publishedPort, true)];
    if (message.kind === "unlistened") return [portWrite(message.publishedPort, false)];
    if (message.kind === "listens") return this.#listening(message.taskId, message.ports);
    if (message.kind !== "in-rotation" && message.kind !== "out-of-rotation") return [];
    const { taskId } = message;
    const draining = this.#tasks.get(taskId)?.draining ?? false;
    return this.#put(taskId, { inRotation: message.kind === "in-rotation", draining });
  }

  /** The newest table names these tasks of this node. */
  named(tasks: ReadonlySet<TaskId>): readonly EndpointWrite[] {
    this.#named = tasks;
    const forgotten = [...this.#gone].filter((taskId) => !tasks.has(taskId));
    return forgotten.map((taskId) => this.#forget(taskId));
  }

  #ended(taskId: TaskId): readonly EndpointWrite[] {
    const isNamed = this.#named?.has(taskId) ?? true;
    if (!isNamed && !this.#tasks.has(taskId)) return [];
    if (!isNamed) return [this.#forget(taskId)];
    this.#gone.add(taskId); // W1
    this.#listens.delete(taskId);
    return this.#put(taskId, OUT);
  }

  #listening(taskId: TaskId, found: readonly number[]): readonly EndpointWrite[] {
    this.#listens.set(taskId, found.slice(0, ENDPOINT_PORTS_MAX));
    const known = this.#tasks.get(taskId);
    return known === undefined ? [] : this.#put(taskId, known);
  }

  #forget(taskId: TaskId): EndpointWrite {
    this.#gone.delete(taskId);
    this.#tasks.delete(taskId);
    this.#listens.delete(taskId);
    return { key: taskKey(taskId) };
  }

  #put(taskId: TaskId, endpoint: Endpoint): readonly EndpointWrite[] {
    this.#tasks.set(taskId, endpoint);
    const { inRotation, draining } = endpoint;
    const listens = this.#listens.get(taskId);
    const state = [inRotation ? 1 : 0, draining ? 1 : 0];
    const value = JSON.stringify(listens === undefined ? state : [...state, listens]);
    return [{ key: taskKey(taskId), value }];
  }
}

function portWrite(port: number, served: boolean): EndpointWrite {
  const key = `port/${port}`;
  return served ? { key, value: "1" } : { key };
}
