/**
 * Values of secrets and configs between their arrival and the moment their task is prepared: in
 * memory only, and not for long. The leader sends them again with the next assignment.
 */
import type { AgentTask } from "./task.ts";

export class FileValues {
  readonly #values = new Map<string, Uint8Array>();

  get values(): ReadonlyMap<string, Uint8Array> {
    return this.#values;
  }

  put(id: string, data: Uint8Array): void {
    this.#values.set(id, data);
  }

  /** What no task waits for goes. */
  forget(tasks: Iterable<AgentTask>): void {
    if (this.#values.size === 0) return;
    const waiting = new Set([...tasks].flatMap((task) => task.awaitedFiles()));
    for (const id of [...this.#values.keys()]) if (!waiting.has(id)) this.#values.delete(id);
  }
}
