/** The programs that clients execute in tasks of this node: created, running, ended. */
import { randomBytes } from "node:crypto";
import type { Checked } from "@skein/common/api/api-error";
import { refuse } from "@skein/common/api/api-error";
import { containerId } from "@skein/common/api/container";
import { EXEC_ID_CONTAINER_DIGITS, execIdOf } from "@skein/common/api/find-container";
import type { TaskId } from "@skein/common/ids";
import { ok } from "@skein/common/result";
import { EXECS_KEPT_MAX, EXECS_RUNNING_MAX } from "../../limits.ts";
import type { ExecSpec, TerminalSize } from "./exec-spec.ts";

export interface Exec {
  readonly id: string;
  readonly taskId: TaskId;
  readonly spec: ExecSpec;
  state: "created" | "running" | "ended";
  exitCode: number | undefined;
  pid: number;
  /** There while it runs in a terminal; undefined result: done. */
  resize?: (size: TerminalSize) => Promise<string | undefined>;
}

export class ExecRegistry {
  /** In order of creation. */
  readonly #execs = new Map<string, Exec>();

  create(taskId: TaskId, spec: ExecSpec): Checked<Exec> {
    const running = [...this.#execs.values()].filter((exec) => exec.state === "running").length;
    if (running >= EXECS_RUNNING_MAX) {
      const message = `Cannot execute: ${EXECS_RUNNING_MAX} programs are executed on this node`;
      return refuse(503, "overloaded", `${message} already: end some of them`);
    }
    const unique = randomBytes((64 - EXEC_ID_CONTAINER_DIGITS) / 2).toString("hex");
    const id = execIdOf(taskId, unique);
    const exec: Exec = { id, taskId, spec, state: "created", exitCode: undefined, pid: 0 };
    this.#execs.set(id, exec);
    this.#forgetOldest();
    return ok(exec);
  }

  find(id: string): Checked<Exec> {
    const exec = this.#execs.get(id);
    if (exec !== undefined) return ok(exec);
    return refuse(404, "exec-not-found", `No such exec instance: ${id}`);
  }

  runningOf(taskId: TaskId): readonly string[] {
    const own = [...this.#execs.values()].filter((exec) => exec.taskId === taskId);
    return own.filter((exec) => exec.state === "running").map((exec) => exec.id);
  }

  #forgetOldest(): void {
    for (const [id, exec] of this.#execs) {
      if (this.#execs.size <= EXECS_KEPT_MAX) return;
      if (exec.state !== "running") this.#execs.delete(id);
    }
  }
}

export function execToEngine(exec: Exec): object {
  const { spec } = exec;
  const [entrypoint = "", ...args] = spec.command;
  return {
    ID: exec.id,
    Running: exec.state === "running",
    // Docker: null until it has ended.
    ExitCode: exec.exitCode ?? null,
    ProcessConfig: {
      tty: spec.tty,
      entrypoint,
      arguments: args,
      privileged: spec.privileged,
      ...(spec.user === "" ? {} : { user: spec.user }),
    },
    OpenStdin: spec.stdin,
    OpenStderr: spec.stderr,
    OpenStdout: spec.stdout,
    CanRemove: false,
    ContainerID: containerId(exec.taskId),
    DetachKeys: spec.detachKeys,
    Pid: exec.pid,
  };
}
