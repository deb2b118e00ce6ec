/**
 * A pseudo-terminal without a native addon: `script` of util-linux opens one and copies between it
 * and pipes; the terminal's name comes back on descriptor 3, and `stty` on that name gives it its
 * size, whereupon the kernel tells the program (SIGWINCH).
 */
import type { ChildProcess } from "node:child_process";
import { execFile, spawn, spawnSync } from "node:child_process";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { TERMINAL_NAME_BYTES_MAX } from "../../limits.ts";
import type { ExecProgram, TerminalSize } from "./exec-spec.ts";

export interface Terminal {
  readonly child: ChildProcess;
  resize(size: TerminalSize): Promise<Result<void, string>>;
}

/** Undefined: terminals can be had; else why not. */
let lack: string | undefined | null = null;

export function terminalLack(): string | undefined {
  if (lack !== null) return lack;
  const says = spawnSync("script", ["--version"], { encoding: "utf8" });
  // Others (busybox, BSD) have no exit code to give back, or no pipe to read from.
  const sound = says.status === 0 && says.stdout.includes("util-linux");
  const hasStty = spawnSync("stty", ["--version"]).status === 0;
  lack =
    sound && hasStty
      ? undefined
      : "this node lacks the programs script (util-linux 2.35 or newer) and stty: " +
        "run it without -t";
  return lack;
}

export function openTerminal(program: ExecProgram, size: TerminalSize | undefined): Terminal {
  const { env, directory, user } = program;
  const options = ["-q", "-e", "-f", "-E", "always", "-c", commandLine(program, size), "/dev/null"];
  const child = spawn("script", options, {
    cwd: directory,
    // `script` runs the line with this shell; the line restores what the task had.
    env: { ...env, SHELL: "/bin/sh" },
    detached: true,
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  const name = terminalName(child);
  return { child, resize: async (wanted) => setSize(await name, wanted, program) };
}

function commandLine(program: ExecProgram, size: TerminalSize | undefined): string {
  const shell = program.env["SHELL"];
  const words = [program.program, ...program.args].map(quote).join(" ");
  return [
    "tty >&3; exec 3>&-",
    ...(size === undefined ? [] : [`stty rows ${size.rows} cols ${size.columns} 2>/dev/null`]),
    shell === undefined ? "unset SHELL" : `SHELL=${quote(shell)}; export SHELL`,
    `exec ${words}`,
  ].join("; ");
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** "/dev/pts/5"; undefined when the program ended before it was known. */
function terminalName(child: ChildProcess): Promise<string | undefined> {
  const pipe = child.stdio[3];
  return new Promise((resolve) => {
    let text = "";
    pipe?.on("data", (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(0, TERMINAL_NAME_BYTES_MAX);
      const name = /^(\/dev\/[\w/]+)\n/.exec(text)?.[1];
      if (name !== undefined) resolve(name);
    });
    pipe?.on("close", () => resolve(undefined));
    child.on("error", () => resolve(undefined));
  });
}

function setSize(
  name: string | undefined,
  { rows, columns }: TerminalSize,
  { user }: ExecProgram,
): Promise<Result<void, string>> {
  if (name === undefined) return Promise.resolve(fail("the program has ended"));
  const args = ["-F", name, "rows", `${rows}`, "cols", `${columns}`];
  const owner = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  return new Promise((resolve) => {
    execFile("stty", args, owner, (error, _out, err) => {
      resolve(error === null ? ok(undefined) : fail(err.trim() || error.message));
    });
  });
}
