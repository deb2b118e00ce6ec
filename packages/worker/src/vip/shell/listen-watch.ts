/**
 * Finds out on which ports the tasks of overlay networks listen, so that their virtual addresses
 * can carry them. A task's address is its own, so one look at the machine's listening sockets
 * tells of all tasks.
 */
import type { TaskId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Instant } from "@skein/common/time";
import { listeningAt } from "../../dataplane/shell/proc-sockets.ts";
import {
  LISTENS_CALM_MS,
  LISTENS_FAST_FOR_MS,
  LISTENS_FAST_MS,
  LISTENS_PORTS_MAX,
} from "../../limits.ts";

interface Watched {
  readonly address: string;
  readonly since: Instant;
  told: string;
}

export class ListenWatch {
  readonly #clock: Clock;
  readonly #tell: (taskId: TaskId, ports: readonly number[]) => void;
  readonly #tasks = new Map<TaskId, Watched>();
  #timer: Timer | undefined;
  #looking = false;

  constructor(clock: Clock, tell: (taskId: TaskId, ports: readonly number[]) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  put(taskId: TaskId, address: string): void {
    if (this.#tasks.has(taskId)) return;
    this.#tasks.set(taskId, { address, since: this.#clock.now(), told: "" });
    this.#schedule(LISTENS_FAST_MS);
  }

  remove(taskId: TaskId): void {
    this.#tasks.delete(taskId);
  }

  close(): void {
    this.#tasks.clear();
    this.#timer?.cancel();
  }

  #schedule(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    if (this.#looking || this.#tasks.size === 0) return;
    this.#looking = true;
    const found = await listeningAt(new Set([...this.#tasks.values()].map((one) => one.address)));
    this.#looking = false;
    if (found !== undefined) this.#compare(found);
    if (this.#tasks.size === 0) return;
    const now = this.#clock.now();
    const hurries = [...this.#tasks.values()].some(
      ({ told, since }) => told === "" && now - since < LISTENS_FAST_FOR_MS,
    );
    this.#schedule(hurries ? LISTENS_FAST_MS : LISTENS_CALM_MS);
  }

  #compare(found: ReadonlyMap<string, readonly number[]>): void {
    for (const [taskId, watched] of this.#tasks) {
      const ports = [...new Set(found.get(watched.address) ?? [])].toSorted((a, b) => a - b);
      const told = ports.slice(0, LISTENS_PORTS_MAX);
      if (told.join() === watched.told) continue;
      watched.told = told.join();
      this.#tell(taskId, told);
    }
  }
}
