/** Somebody at a shell: runs `skein` as a process, with a home and clusters of their own. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
export const SKEIN = join(ROOT, "packages/cli/bin/skein.mjs");

export interface Said {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sent when standard output or error holds this text. */
  readonly signalOn?: { readonly text: string; readonly signal: NodeJS.Signals };
  readonly uid?: number;
}

export class Shell {
  readonly home: string;
  readonly #stateDirs: string[] = [];

  constructor() {
    this.home = mkdtempSync(join(tmpdir(), "skein-cli-"));
  }

  /** A state directory of this shell's, ended and deleted by `close`. */
  stateDir(name: string): string {
    const path = join(this.home, name);
    if (!this.#stateDirs.includes(path)) this.#stateDirs.push(path);
    return path;
  }

  skein(args: readonly string[], surroundings: Surroundings = {}): Promise<Said> {
    return this.run([process.execPath, SKEIN, ...args], surroundings);
  }

  /** Never rejects for what the command says. */
  run(command: readonly string[], surroundings: Surroundings = {}): Promise<Said> {
    return ended(this.start(command, surroundings), surroundings);
  }

  start(command: readonly string[], { cwd, env, uid }: Surroundings = {}): ChildProcess {
    const [program = "", ...args] = command;
    const { PATH } = process.env;
    return spawn(program, args, {
      cwd: cwd ?? ROOT,
      env: { PATH, HOME: this.home, LANG: "C.UTF-8", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
  }

  /** Ends every cluster and deletes everything. Throws when a process is left. */
  async close(): Promise<void> {
    for (const stateDir of this.#stateDirs) {
      if (existsSync(stateDir)) await this.skein(["down", "--purge", "--state-dir", stateDir]);
    }
    const left = processesNaming(this.home);
    for (const pid of left) process.kill(pid, "SIGKILL");
    rmSync(this.home, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`${left.length} processes were left in ${this.home}`);
  }
}

/** Resolves when the process has ended and its output is read. */
export function ended(child: ChildProcess, { signalOn }: Surroundings = {}): Promise<Said> {
  let [out, err] = ["", ""];
  let signalled = false;
  const look = (): void => {
    if (signalOn === undefined || signalled || !(out + err).includes(signalOn.text)) return;
    signalled = true;
    child.kill(signalOn.signal);
  };
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    out += chunk;
    look();
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    err += chunk;
    look();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      // What a grandchild holds open is not waited for.
      setImmediate(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve({ code, signal, out, err });
      });
    });
  });
}

/** Processes whose command line or environment's SKEIN_ variables name a directory. */
export function processesNaming(directory: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map(Number)
    .filter((pid) => commandOf(pid).some((word) => word.includes(directory)));
}

function commandOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** A program of somebody else's that listens; closes with `close`. */
export function listener(host: string, port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server));
  });
}

export async function freePort(): Promise<number> {
  const server = await listener("127.0.0.1", 0);
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export function makeDirectory(...parts: readonly string[]): string {
  const path = join(...parts);
  mkdirSync(path, { recursive: true });
  return path;
}

export function lines(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}
