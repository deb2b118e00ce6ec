/**
 * The port through which the agent runs tasks: `process-engine.ts` (plain processes), later
 * containers, and the simulator's. Every call answers by events; none throws for what a user or the
 * system did.
 */
import type { TaskId } from "@skein/common/ids";

/** A task with templates expanded and everything resolved that does not touch the system. */
export interface RunSpec {
  readonly taskId: TaskId;
  /** Shown in messages: "web.1". */
  readonly name: string;
  /** Program and arguments; never empty. */
  readonly argv: readonly string[];
  /** The whole environment of the task (clean: nothing of the agent's leaks in). */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute; undefined: the engine's default. */
  readonly directory?: string;
  readonly user?: string;
  readonly stopSignal: string;
  readonly stopGraceMs: number;
  /** The address the task owns, as the plane realises it: "127.65.0.5". */
  readonly hostAddress?: string;
  readonly limitNanoCpus?: number;
  readonly limitMemoryBytes?: number;
  readonly limitPids?: number;
  readonly ulimits?: readonly {
    readonly name: string;
    readonly soft: number;
    readonly hard: number;
  }[];
  readonly oomScoreAdj?: number;
  /** Nobody wants to read its output. */
  readonly dropOutput?: true;
  readonly files?: readonly RunFile[];
}

/** A secret or config as the task finds it, below the directory of its kind. */
export interface RunFile {
  readonly kind: "secret" | "config";
  /** Relative, without "..": checked by who took the service in. */
  readonly target: string;
  /** Numbers, or names of this machine. */
  readonly uid: string;
  readonly gid: string;
  readonly mode: number;
  readonly data: Uint8Array;
}

export type EngineEvent =
  /** Everything is in place, the process has not started. */
  | { readonly kind: "prepared"; readonly taskId: TaskId }
  /** It cannot start: the system's own words. */
  | { readonly kind: "rejected"; readonly taskId: TaskId; readonly error: string }
  | { readonly kind: "started"; readonly taskId: TaskId; readonly pid: number }
  /**
   * It ended. `exitCode` is 128 + signal number when a signal ended it; `stopped` when we asked for
   * it. Given once for each task that started or was adopted.
   */
  | {
      readonly kind: "exited";
      readonly taskId: TaskId;
      readonly exitCode: number;
      readonly stopped: boolean;
    }
  /** The answer to `check`. */
  | {
      readonly kind: "checked";
      readonly taskId: TaskId;
      readonly healthy: boolean;
      readonly output: string;
    }
  /** Something asked for that this machine cannot grant (a limit); the task runs without it. */
  | { readonly kind: "warning"; readonly taskId: TaskId; readonly message: string };

/** One run of a health check: a command beside the task, with what the task has. */
export interface CheckSpec {
  readonly taskId: TaskId;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly user?: string;
  readonly timeoutMs: number;
}

/** A task found on disk after the agent restarted. */
export interface FoundTask {
  readonly taskId: TaskId;
  readonly state: "running" | "exited";
  readonly pid?: number;
  readonly exitCode?: number;
}

export interface Engine {
  /** Called once, before anything else; events come from then on. */
  onEvent(listener: (event: EngineEvent) => void): void;
  /**
   * Lists what a former agent of this node left; running ones are adopted and will give `exited`.
   */
  adopt(done: (found: readonly FoundTask[]) => void): void;
  prepare(spec: RunSpec): void;
  start(taskId: TaskId): void;
  /** Answered by `checked`, always, unless the task ends before. */
  check(spec: CheckSpec): void;
  /** Stop signal, then SIGKILL after the grace period, to the whole tree. Idempotent. */
  stop(taskId: TaskId): void;
  /** Deletes files and output of an ended task. */
  remove(taskId: TaskId): void;
}
