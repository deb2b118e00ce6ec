/**
 * The data plane of a simulated node: tasks enter rotation a moment after they run; the routes it
 * was given last are what this node serves.
 */
import type { ServiceRoute } from "@skein/common/model/routes";
import type { FromDataPlane, ToDataPlane } from "@skein/worker/dataplane/protocol";
import type { DataPlanePort } from "@skein/worker/shell/worker";
import type { SimProcessClock } from "../sim-clock.ts";

export class SimDataPlane implements DataPlanePort {
  readonly #clock: SimProcessClock;
  #listener: ((message: FromDataPlane) => void) | undefined;
  #routes: readonly ServiceRoute[] = [];
  readonly #tasks = new Set<string>();

  constructor(clock: SimProcessClock) {
    this.#clock = clock;
  }

  /** What this node serves, as published port -> tasks. */
  get routes(): readonly ServiceRoute[] {
    return this.#routes;
  }

  onMessage(listener: (message: FromDataPlane) => void): void {
    this.#listener = listener;
  }

  post(message: ToDataPlane): void {
    if (message.kind === "routes") this.#routes = message.routes;
    if (message.kind === "task-gone") this.#tasks.delete(message.taskId);
    if (message.kind !== "task" || this.#tasks.has(message.task.taskId)) return;
    const { taskId } = message.task;
    this.#tasks.add(taskId);
    this.#clock.deliver(10, () => {
      if (this.#tasks.has(taskId)) this.#listener?.({ kind: "in-rotation", taskId });
    });
  }
}
