/**
 * What a node says of its own tasks and ports in its gossip namespace: `task/<id>` is
 * `[in rotation, draining]`, `port/<n>` says that the published port is served here.
 */
import { decodeJson } from "@skein/common/gossip/member-facts";
import type { TaskId } from "@skein/common/ids";
import { count } from "@skein/common/wire/schema";
import * as v from "valibot";
import type { FromDataPlane, ToDataPlane } from "../dataplane/protocol.ts";

export interface Endpoint {
  readonly inRotation: boolean;
  readonly draining: boolean;
}

export interface EndpointWrite {
  readonly key: string;
  /** Absent: deleted. */
  readonly value?: string;
}

const schema = v.strictTuple([count, count]);

export function taskKey(taskId: TaskId): string {
  return `task/${taskId}`;
}

export function endpointOf(value: string): Endpoint | undefined {
  const pair = decodeJson(schema, value);
  if (pair === undefined) return undefined;
  return { inRotation: pair[0] === 1, draining: pair[1] === 1 };
}

/** The endpoints of this node: what the agent and the data plane say, as writes. */
export class OwnEndpoints {
  readonly #tasks = new Map<TaskId, Endpoint>();

  /** What the agent tells the data plane. */
  told(message: ToDataPlane): readonly EndpointWrite[] {
    if (message.kind === "task-gone") {
      const known = this.#tasks.delete(message.taskId);
      return known ? [{ key: taskKey(message.taskId) }] : [];
    }
    if (message.kind !== "task") return [];
    const { taskId, draining } = message.task;
    const known = this.#tasks.get(taskId);
    // Until it was in rotation once, nobody has it in a table: there is nothing to take back.
    return known === undefined ? [] : this.#put(taskId, { ...known, draining });
  }

  /** What the data plane found. */
  heard(message: FromDataPlane): readonly EndpointWrite[] {
    if (message.kind === "listening") return [portWrite(message.publishedPort, true)];
    if (message.kind === "unlistened") return [portWrite(message.publishedPort, false)];
    if (message.kind !== "in-rotation" && message.kind !== "out-of-rotation") return [];
    const { taskId } = message;
    const draining = this.#tasks.get(taskId)?.draining ?? false;
    return this.#put(taskId, { inRotation: message.kind === "in-rotation", draining });
  }

  #put(taskId: TaskId, endpoint: Endpoint): readonly EndpointWrite[] {
    this.#tasks.set(taskId, endpoint);
    const { inRotation, draining } = endpoint;
    const value = JSON.stringify([inRotation ? 1 : 0, draining ? 1 : 0]);
    return [{ key: taskKey(taskId), value }];
  }
}

function portWrite(port: number, served: boolean): EndpointWrite {
  const key = `port/${port}`;
  return served ? { key, value: "1" } : { key };
}
