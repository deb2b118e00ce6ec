/**
 * The shell that leads a task's process group. It outlives the agent, so that an agent which comes
 * back still learns how the task ended.
 *
 * In order: catch the stop signals (a handler, not ignore: the command gets the defaults back);
 * wait for the agent's word on descriptor 3, which is given when the process is on record, so that
 * an agent dying here leaves nothing behind; keep the shell's own words ("Terminated") out of the
 * task's output; run the command in the foreground; leave its status on descriptor 4 with one
 * write, which needs no rename, no PATH and no right to the directory when the command is another
 * user's.
 */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import type { TaskDescriptors } from "./process-files.ts";

function script(prelude: readonly string[]): string {
  return [
    "trap : HUP INT QUIT ABRT ALRM TERM USR1 USR2",
    "read -r go <&3 || exit 125",
    ...prelude,
    "exec 3<&- 5>&2 2>/dev/null",
    // A subshell, since a shell redirects itself, too, while it waits for a simple command.
    '(exec 2>&5 4>&- 5>&-; exec "$@")',
    "code=$?",
    'echo "$code" >&4',
    'exit "$code"',
  ].join("; ");
}

export interface WrapperOptions {
  /** Absolute: a bare name could be a builtin of the shell. */
  readonly program: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly descriptors: TaskDescriptors;
  /** Commands of the shell before the program begins (process-limits.ts). */
  readonly prelude: readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
}

/**
 * The child leads a session and a group of its own. Failures come by its `error` event, or thrown.
 */
export function spawnWrapper(options: WrapperOptions): ChildProcess {
  const { stdout, stderr, status } = options.descriptors;
  return spawn(
    "/bin/sh",
    ["-c", script(options.prelude), "skein-task", options.program, ...options.args],
    {
      cwd: options.directory,
      env: options.env,
      detached: true,
      stdio: ["ignore", stdout, stderr, "pipe", status],
      ...(options.user === undefined ? {} : { uid: options.user.uid, gid: options.user.gid }),
    },
  );
}

/** Lets the command begin, or ends the wrapper without it. */
export function release(child: ChildProcess, go: boolean): void {
  const pipe = child.stdio[3];
  if (pipe === null || pipe === undefined || !("end" in pipe)) return;
  pipe.on("error", () => undefined); // EPIPE: it was killed meanwhile, which its exit tells.
  if (go) pipe.end("go\n");
  else pipe.end();
}
