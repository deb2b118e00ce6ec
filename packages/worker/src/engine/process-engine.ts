/**
 * The engine of plain processes. Each task is a wrapper shell with a process group of its own; the
 * engine starts it, watches it, stops the whole tree, and after a restart of the agent adopts what
 * still runs (docs/design/process-engine.md).
 *
 * Invariants:
 *   E1. `exited` comes exactly once for each task that started or was adopted running, and only
 *       when nothing of its tree is left.
 *   E2. No command begins before its process is on record; what is on record can be found again.
 *   E3. No signal is sent on a pid alone (process-tree.ts).
 *   E4. Dropping the engine (agent's death, `close`) does nothing to any task.
 */
import type { ChildProcess } from "node:child_process";
import { assert, must } from "@skein/common/assert";
import type { TaskId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { ADOPTED_POLL_MS } from "../limits.ts";
import type { CheckSpec, Engine, EngineEvent, FoundTask, RunSpec } from "./engine.ts";
import type { Cgroups } from "./process-cgroup.ts";
import { runCheck } from "./process-check.ts";
import type { ProcessRecord } from "./process-files.ts";
import { TaskFiles } from "./process-files.ts";
import { preludeOf } from "./process-limits.ts";
import type { ResolvedProgram } from "./process-resolve.ts";
import { resolveProgram, systemWords } from "./process-resolve.ts";
import { SecretFiles } from "./process-secrets.ts";
import type { FoundProcess } from "./process-stat.ts";
import { readBootId, readStat } from "./process-stat.ts";
import type { TaskTree } from "./process-tree.ts";
import { ProcessTrees } from "./process-tree.ts";
import type { TaskUser } from "./process-user.ts";
import { resolveUser } from "./process-user.ts";
import { release, spawnWrapper } from "./process-wrapper.ts";

/** What is known of a task that ended without leaving a status: something killed its wrapper. */
const KILLED = 137;

interface Prepared {
  readonly kind: "prepared";
  readonly spec: RunSpec;
  readonly program: ResolvedProgram;
  readonly user: TaskUser | undefined;
}

/** The wrapper is there, its record is being written. */
interface Starting {
  readonly kind: "starting";
  stopped: boolean;
}

interface Running {
  readonly kind: "running";
  readonly tree: TaskTree;
  readonly stopSignal: NodeJS.Signals;
  readonly stopGraceMs: number;
  /** Our child, or adopted: then it is polled. */
  readonly adopted: boolean;
  stopped: boolean;
  ending: boolean;
  graceTimer: Timer | undefined;
}

type Process = Prepared | Starting | Running;

export interface ProcessEngineOptions {
  /** Absolute: the tasks' directories live here. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly cgroups: Cgroups;
  readonly secrets?: SecretFiles;
}

export function createProcessEngine(options: ProcessEngineOptions): ProcessEngine {
  return new ProcessEngine(options);
}

export class ProcessEngine implements Engine {
  readonly #files: TaskFiles;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #cgroups: Cgroups;
  readonly #secrets: SecretFiles;
  readonly #bootId = readBootId();
  readonly #trees: ProcessTrees;
  readonly #processes = new Map<TaskId, Process>();
  readonly #children = new Set<ChildProcess>();
  #listener: ((event: EngineEvent) => void) | undefined;
  #poll: Timer | undefined;
  #closed = false;

  constructor(options: ProcessEngineOptions) {
    this.#files = new TaskFiles(options.directory);
    this.#clock = options.clock;
    this.#log = options.log;
    this.#cgroups = options.cgroups;
    this.#secrets = options.secrets ?? new SecretFiles({ node: "tests", disk: undefined });
    this.#trees = new ProcessTrees(this.#bootId, options.clock);
  }

  onEvent(listener: (event: EngineEvent) => void): void {
    assert(this.#listener === undefined, "the engine has a listener already");
    this.#listener = listener;
  }

  adopt(done: (found: readonly FoundTask[]) => void): void {
    this.#background("adopt", undefined, async () => {
      await this.#files.makeRoot();
      this.#cgroups.sweep();
      const tasks = await this.#files.list();
      const found = await Promise.all(tasks.map((taskId) => this.#adoptOne(taskId)));
      const tasksFound = found.filter((task) => task !== undefined);
      const living = tasksFound.filter(({ state }) => state === "running");
      this.#secrets.sweep(new Set<string>(living.map(({ taskId }) => taskId)));
      done(tasksFound);
    });
  }

  prepare(spec: RunSpec): void {
    this.#background("prepare", spec.taskId, async () => {
      const refused = this.#cgroups.whyNot(spec);
      if (refused !== undefined) return this.#reject(spec.taskId, refused);
      const program = await resolveProgram(spec);
      if (!program.ok) return this.#reject(spec.taskId, program.error);
      const user = spec.user === undefined ? undefined : await resolveUser(spec.user);
      if (user?.ok === false) return this.#reject(spec.taskId, user.error);
      await this.#files.make(spec.taskId);
      const owner = user?.value ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
      const secrets = await this.#secrets.make(spec, owner);
      if (!secrets.ok) return this.#reject(spec.taskId, secrets.error);
      const { files: _written, ...rest } = spec;
      this.#processes.set(spec.taskId, {
        kind: "prepared",
        spec: { ...rest, env: { ...spec.env, ...secrets.value } },
        program: program.value,
        user: user?.value,
      });
      this.#tell({ kind: "prepared", taskId: spec.taskId });
    });
  }

  start(taskId: TaskId): void {
    const prepared = this.#processes.get(taskId);
    assert(prepared?.kind === "prepared", `task ${taskId} is started without being prepared`);
    const starting: Starting = { kind: "starting", stopped: false };
    this.#processes.set(taskId, starting);
    this.#background("start", taskId, async () => {
      const child = await this.#spawn(prepared);
      if (child.ok) return this.#record(prepared, child.value, starting);
      this.#reject(taskId, `exec: "${prepared.spec.argv[0]}": ${child.error}`);
    });
  }

  check(spec: CheckSpec): void {
    this.#background("check", spec.taskId, async () => {
      const result = await runCheck(spec, this.#clock);
      if (!this.#closed) this.#tell({ kind: "checked", taskId: spec.taskId, ...result });
    });
  }

  stop(taskId: TaskId): void {
    const process = this.#processes.get(taskId);
    if (process === undefined || process.kind === "prepared" || process.stopped) return;
    process.stopped = true;
    if (process.kind === "running" && !process.ending) this.#stopRunning(process);
  }

  /** What `docker kill` sends; false when the task does not run. */
  async signal(taskId: TaskId, signal: NodeJS.Signals): Promise<boolean> {
    const running = this.#processes.get(taskId);
    if (running?.kind !== "running" || running.ending) return false;
    return (await this.#trees.signalCommand(running.tree, signal)) > 0;
  }

  /** The living processes of a task, without the wrapper. */
  async members(taskId: TaskId): Promise<readonly FoundProcess[]> {
    const running = this.#processes.get(taskId);
    if (running?.kind !== "running") return [];
    const members = await this.#trees.members(running.tree);
    return members.filter((member) => member.pid !== running.tree.identity.pid);
  }

  /** Absolute: where a task's output and record lie. */
  directory(taskId: TaskId): string {
    return this.#files.directory(taskId);
  }

  remove(taskId: TaskId): void {
    const process = this.#processes.get(taskId);
    const busy = process?.kind === "starting" || process?.kind === "running";
    assert(!busy, `task ${taskId} is removed while it runs`);
    this.#processes.delete(taskId);
    this.#cgroups.remove(taskId);
    this.#secrets.remove(taskId);
    this.#background("remove", taskId, () => this.#files.remove(taskId));
  }

  /** Lets go of everything without touching a task (E4): for tests and a planned restart. */
  close(): void {
    this.#closed = true;
    this.#poll?.cancel();
    for (const process of this.#processes.values()) {
      if (process.kind === "running") process.graceTimer?.cancel();
    }
    for (const child of this.#children) child.unref();
  }

  async #spawn(prepared: Prepared): Promise<Result<ChildProcess, string>> {
    const { spec, program, user } = prepared;
    const descriptors = this.#files.open(spec, user);
    try {
      const child = spawnWrapper({
        program: program.program,
        args: spec.argv.slice(1),
        directory: program.directory,
        env: user === undefined ? spec.env : { HOME: user.home, USER: user.name, ...spec.env },
        descriptors,
        prelude: preludeOf(spec),
        ...(user === undefined ? {} : { user }),
      });
      const failed = await spawnFailure(child);
      return failed === undefined ? ok(child) : fail(failed);
    } catch (error) {
      return fail(systemWords(error));
    } finally {
      this.#files.close(descriptors);
    }
  }

  /** Puts the process on record, then lets the command begin (E2). */
  async #record(prepared: Prepared, child: ChildProcess, starting: Starting): Promise<void> {
    const { taskId, name, stopSignal, stopGraceMs } = prepared.spec;
    const pid = must(child.pid, `pid of ${taskId}`);
    const startTime = must(readStat(pid), `/proc/${pid}/stat of our child`).startTime;
    const identity = { pid, startTime, bootId: this.#bootId };
    this.#children.add(child);
    const record = { schema: 1, ...identity, name, stopSignal, stopGraceMs } as const;
    try {
      await this.#files.writeRecord(taskId, record);
    } catch (error) {
      release(child, false);
      return this.#reject(taskId, `cannot record the process: ${systemWords(error)}`);
    }
    if (this.#closed) return release(child, false);
    try {
      this.#cgroups.enter(prepared.spec, pid);
    } catch (error) {
      release(child, false);
      return this.#reject(taskId, `cannot limit the process: ${systemWords(error)}`);
    }
    const running = this.#watch(taskId, record, false);
    running.stopped = starting.stopped;
    child.once("exit", () => {
      this.#children.delete(child);
      this.#end(running);
    });
    this.#tell({ kind: "started", taskId, pid });
    release(child, !starting.stopped);
    // It may have been killed while it waited for its record.
    if (child.exitCode !== null || child.signalCode !== null) this.#end(running);
  }

  #watch(taskId: TaskId, record: ProcessRecord, adopted: boolean): Running {
    const { pid, startTime, bootId, stopGraceMs } = record;
    const running: Running = {
      kind: "running",
      tree: { taskId, identity: { pid, startTime, bootId }, watched: true },
      // Checked by the agent when it made the run spec; a foreign word makes `kill` throw, not
      // harm.
      stopSignal: record.stopSignal as NodeJS.Signals,
      stopGraceMs,
      adopted,
      stopped: false,
      ending: false,
      graceTimer: undefined,
    };
    this.#processes.set(taskId, running);
    return running;
  }

  async #adoptOne(taskId: TaskId): Promise<FoundTask | undefined> {
    const record = await this.#files.readRecord(taskId);
    if (record === undefined) {
      // Nothing ever ran here (E2): the agent prepares it again if it is still wanted.
      await this.#files.remove(taskId);
      return undefined;
    }
    const { pid, startTime, bootId } = record;
    const tree: TaskTree = { taskId, identity: { pid, startTime, bootId }, watched: false };
    if (this.#trees.isAlive(tree)) {
      this.#watch(taskId, record, true);
      this.#pollAdopted();
      return { taskId, state: "running", pid };
    }
    await this.#destroy(tree);
    const exitCode = (await this.#files.readStatus(taskId)) ?? KILLED;
    return { taskId, state: "exited", exitCode };
  }

  #pollAdopted(): void {
    if (this.#poll !== undefined || this.#closed) return;
    this.#poll = this.#clock.after(ADOPTED_POLL_MS, () => {
      this.#poll = undefined;
      const adopted = [...this.#processes.values()].filter(isAdopted);
      for (const running of adopted) if (!this.#trees.isAlive(running.tree)) this.#end(running);
      if (adopted.length > 0) this.#pollAdopted();
    });
  }

  #stopRunning(running: Running): void {
    const { taskId } = running.tree;
    running.graceTimer = this.#clock.after(running.stopGraceMs, () => {
      this.#log.write("info", "task did not stop in time", { task: taskId });
      this.#background("kill", taskId, () => this.#destroy(running.tree));
    });
    this.#background("stop", taskId, () => this.#trees.signal(running.tree, running.stopSignal));
  }

  /** The leader of the group is gone: so is the task. What is left of its tree goes too (E1). */
  #end(running: Running): void {
    if (running.ending || this.#closed) return;
    running.ending = true;
    running.graceTimer?.cancel();
    const { taskId } = running.tree;
    this.#background("end", taskId, async () => {
      const exitCode = (await this.#files.readStatus(taskId)) ?? KILLED;
      await this.#destroy(running.tree);
      this.#processes.delete(taskId);
      this.#secrets.remove(taskId);
      this.#tell({ kind: "exited", taskId, exitCode, stopped: running.stopped });
    });
  }

  async #destroy(tree: TaskTree): Promise<void> {
    if (await this.#trees.destroy(tree)) return;
    this.#log.write("error", "processes survive SIGKILL", { task: tree.taskId });
  }

  #reject(taskId: TaskId, error: string): void {
    this.#processes.delete(taskId);
    this.#tell({ kind: "rejected", taskId, error });
  }

  #tell(event: EngineEvent): void {
    if (!this.#closed) must(this.#listener, "the engine's listener")(event);
  }

  /** A failure of the system (no space, no memory) is the task's; without one it is logged. */
  #background(what: string, taskId: TaskId | undefined, work: () => Promise<unknown>): void {
    work().catch((error: unknown) => {
      this.#log.write("error", `cannot ${what} a task`, { task: taskId, error: String(error) });
      if (taskId === undefined || (what !== "prepare" && what !== "start")) return;
      this.#reject(taskId, `cannot ${what}: ${systemWords(error)}`);
    });
  }
}

function isAdopted(process: Process): process is Running {
  return process.kind === "running" && process.adopted && !process.ending;
}

/** Resolves once the system has answered: undefined, or its words. */
function spawnFailure(child: ChildProcess): Promise<string | undefined> {
  return new Promise((done) => {
    child.once("spawn", () => done(undefined));
    child.once("error", (error) => done(systemWords(error)));
  });
}
