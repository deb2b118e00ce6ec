/**
 * Tasks of a simulated machine. The processes are the machine's, not the agent's: they outlive it,
 * as real ones do, and a new engine adopts them. Preparing, starting and stopping take drawn times.
 */
import { must } from "@skein/common/assert";
import type { TaskId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type {
  CheckSpec,
  Engine,
  EngineEvent,
  FoundTask,
  RunSpec,
} from "@skein/worker/engine/engine";
import type { SimProcessClock } from "../sim-clock.ts";
import type { SimRandom } from "../sim-random.ts";

export interface SimTaskProcess {
  readonly spec: RunSpec;
  readonly pid: number;
  state: "prepared" | "running" | "exited";
  exitCode: number;
  stopped: boolean;
}

/** What survives an agent: the processes and their exit files. */
export class SimMachine {
  readonly processes = new Map<TaskId, SimTaskProcess>();
  /** The engine of the agent that lives now; hears of ends. */
  engine: SimEngine | undefined;
  #nextPid = 1000;

  pid(): number {
    this.#nextPid += 1;
    return this.#nextPid;
  }

  running(): readonly SimTaskProcess[] {
    return [...this.processes.values()]
      .filter((process) => process.state === "running")
      .toSorted((a, b) => compareIds(a.spec.taskId, b.spec.taskId));
  }

  /** A process ends: by itself, by a signal, or because the machine is lost. */
  end(taskId: TaskId, exitCode: number): void {
    const process = this.processes.get(taskId);
    if (process?.state !== "running") return;
    process.state = "exited";
    process.exitCode = exitCode;
    this.engine?.exited(process);
  }

  /** The machine is lost: all its processes at once, without a word to anybody. */
  lose(): void {
    this.engine = undefined;
    for (const { spec } of this.running()) this.end(spec.taskId, 137);
  }
}

export class SimEngine implements Engine {
  readonly #machine: SimMachine;
  readonly #clock: SimProcessClock;
  readonly #random: SimRandom;
  #listener: ((event: EngineEvent) => void) | undefined;

  constructor(machine: SimMachine, clock: SimProcessClock, random: SimRandom) {
    this.#machine = machine;
    this.#clock = clock;
    this.#random = random;
    machine.engine = this;
  }

  onEvent(listener: (event: EngineEvent) => void): void {
    this.#listener = listener;
  }

  adopt(done: (found: readonly FoundTask[]) => void): void {
    const found = [...this.#machine.processes.values()]
      .filter((process) => process.state !== "prepared")
      .toSorted((a, b) => compareIds(a.spec.taskId, b.spec.taskId))
      .map((process): FoundTask => {
        const { taskId } = process.spec;
        return process.state === "running"
          ? { taskId, state: "running", pid: process.pid }
          : { taskId, state: "exited", exitCode: process.exitCode };
      });
    this.#clock.deliver(1, () => done(found));
  }

  prepare(spec: RunSpec): void {
    const pid = this.#machine.pid();
    const process: SimTaskProcess = { spec, pid, state: "prepared", exitCode: 0, stopped: false };
    this.#machine.processes.set(spec.taskId, process);
    this.#later(() => this.#tell({ kind: "prepared", taskId: spec.taskId }));
  }

  start(taskId: TaskId): void {
    this.#later(() => {
      const process = this.#machine.processes.get(taskId);
      if (process?.state !== "prepared") return;
      process.state = "running";
      this.#tell({ kind: "started", taskId, pid: process.pid });
      // Asked to stop before it had started: the signal finds it now, as with the real engine.
      if (process.stopped) this.#later(() => this.#machine.end(taskId, 143));
    });
  }

  /** What runs is healthy. */
  check({ taskId }: CheckSpec): void {
    this.#later(() => {
      const healthy = this.#machine.processes.get(taskId)?.state === "running";
      this.#tell({ kind: "checked", taskId, healthy, output: healthy ? "" : "it has ended" });
    });
  }

  stop(taskId: TaskId): void {
    const process = this.#machine.processes.get(taskId);
    if (process === undefined) return;
    process.stopped = true;
    this.#later(() => this.#machine.end(taskId, 143));
  }

  remove(taskId: TaskId): void {
    const process = this.#machine.processes.get(taskId);
    if (process?.state === "running") return;
    this.#machine.processes.delete(taskId);
  }

  exited(process: SimTaskProcess): void {
    const { taskId } = must(process.spec, "spec");
    const { exitCode, stopped } = process;
    this.#clock.deliver(0, () => this.#tell({ kind: "exited", taskId, exitCode, stopped }));
  }

  #later(what: () => void): void {
    this.#clock.deliver(this.#random.between(1, 20), what);
  }

  #tell(event: EngineEvent): void {
    this.#listener?.(event);
  }
}
