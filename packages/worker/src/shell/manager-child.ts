/**
 * The manager process beside this worker. It outlives a worker that dies: the next one finds it by
 * its lock and leaves it be. One that ends by itself is started again.
 */
import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Log } from "@skein/common/io/log";
import { lockHolder } from "@skein/common/node/lock-file";
import { toLauncherSchema } from "@skein/common/wire/local-messages";
import { decodeWith } from "@skein/common/wire/schema";
import { MANAGER_RESTART_MS, MANAGER_STOP_MS } from "../limits.ts";

export interface ManagerChildOptions {
  readonly stateDir: string;
  readonly log: Log;
  /** The user asked the manager to leave the cluster. */
  readonly leave: () => void;
}

export class ManagerChild {
  readonly #options: ManagerChildOptions;
  #child: ChildProcess | undefined;
  #adopted: number | undefined;
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ManagerChildOptions) {
    this.#options = options;
    mkdirSync(this.#directory(), { recursive: true, mode: 0o700 });
  }

  /** Undefined when a manager serves; else why not. */
  start(): Promise<string | undefined> {
    this.#adopted = lockHolder(this.#directory());
    if (this.#adopted === undefined) return this.#fork();
    this.#options.log.write("info", "manager adopted", { pid: this.#adopted });
    this.#watchAdopted(this.#adopted);
    return Promise.resolve(undefined);
  }

  /** Resolves when no manager runs here any more. */
  async stop(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#again);
    const pid = this.#child?.pid ?? this.#adopted;
    if (pid === undefined || !this.#isRunning()) return;
    signal(pid, "SIGTERM");
    const until = performance.now() + MANAGER_STOP_MS;
    while (this.#isRunning()) {
      if (performance.now() > until) signal(pid, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #directory(): string {
    return join(this.#options.stateDir, "manager");
  }

  #isRunning(): boolean {
    const child = this.#child;
    if (child !== undefined) return child.exitCode === null && child.signalCode === null;
    return this.#adopted !== undefined && lockHolder(this.#directory()) === this.#adopted;
  }

  #fork(): Promise<string | undefined> {
    const child = fork(PROGRAM, ["--state-dir", this.#options.stateDir], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      execArgv: [],
    });
    this.#child = child;
    return new Promise((resolve) => {
      let isReady = false;
      let reason = "the manager process ended at once";
      child.on("error", (error) => resolve(error.message));
      child.on("message", (raw) => {
        const message = decodeWith(toLauncherSchema, raw);
        if (!message.ok) return;
        if (message.value.kind === "failed") reason = message.value.error;
        if (message.value.kind === "leave") this.#options.leave();
        if (message.value.kind !== "ready") return;
        isReady = true;
        resolve(undefined);
      });
      child.on("exit", (code, name) => {
        resolve(reason);
        // With 0 it ends by itself when its member was removed: nobody wants it back.
        if (this.#closed || !isReady || code === 0) return;
        this.#options.log.write("error", "manager process ended", { code, signal: name });
        this.#startAgain();
      });
    });
  }

  #watchAdopted(pid: number): void {
    this.#again = setTimeout(() => {
      if (lockHolder(this.#directory()) === pid) return this.#watchAdopted(pid);
      this.#adopted = undefined;
      this.#startAgain();
    }, MANAGER_RESTART_MS);
  }

  #startAgain(): void {
    this.#again = setTimeout(() => {
      void this.#fork().then((error) => {
        if (error === undefined || this.#closed) return;
        this.#options.log.write("error", "manager process not started", { error });
        this.#startAgain();
      });
    }, MANAGER_RESTART_MS);
  }
}

const PROGRAM = fileURLToPath(new URL("../../manager/dist/skein-manager.mjs", import.meta.url));

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}
