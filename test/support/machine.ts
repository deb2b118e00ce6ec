/**
 * A machine with Skein on it and in no cluster: a worker process of its own, on an address of its
 * own in 127.0.0.0/8.
 */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lockHolder } from "@skein/common/node/lock-file";
import type { Answer, Ask } from "./api-client.ts";
import { ask } from "./api-client.ts";
import { until } from "./wait.ts";

const PROGRAM = fileURLToPath(
  new URL("../../packages/worker/dist/skein-worker.mjs", import.meta.url),
);
const DEADLINE_MS = 30_000;
/** Nobody else's corner of 127.0.0.0/8. */
const CORNER = `127.${100 + (process.pid % 90)}.${Math.floor(process.pid / 90) % 250}`;

/** Where a machine is: its address, and what a command that runs there begins with. */
export interface Where {
  readonly address: string;
  readonly inside: readonly string[];
}

export class Machine {
  readonly name: string;
  readonly address: string;
  readonly directory: string;
  readonly socket: string;
  readonly #inside: readonly string[];
  readonly #output: string[] = [];
  #process: ChildProcess | undefined;

  constructor(at: number, where: Where = { address: `${CORNER}.${at}`, inside: [] }) {
    this.name = `host-${at}`;
    this.address = where.address;
    this.#inside = where.inside;
    this.directory = mkdtempSync(join(tmpdir(), "skein-m-"));
    this.socket = join(this.directory, "skein.sock");
  }

  async start(): Promise<this> {
    const ready = join(this.directory, "ready");
    const args = ["--state-dir", this.directory, "--name", this.name, "--ready-file", ready];
    const [command = "", ...before] = [...this.#inside, process.execPath];
    const child = spawn(command, [...before, PROGRAM, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (chunk: Buffer): void => void this.#output.push(chunk.toString("utf8"));
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    this.#process = child;
    await until(DEADLINE_MS, `${this.name} serves`, () => {
      return readText(ready).trim() === String(child.pid);
    });
    return this;
  }

  ask(what: string, options?: Ask): Promise<Answer> {
    return ask(this.socket, what, options);
  }

  init(): Promise<Answer> {
    return this.ask("POST /swarm/init", { body: { AdvertiseAddr: this.address } });
  }

  join(manager: Machine, token: string): Promise<Answer> {
    const RemoteAddrs = [`${manager.address}:2377`];
    const body = { AdvertiseAddr: this.address, RemoteAddrs, JoinToken: token };
    return this.ask("POST /swarm/join", { body });
  }

  async tokens(): Promise<{ readonly Worker: string; readonly Manager: string }> {
    const { body } = await this.ask("GET /swarm");
    return (body as { JoinTokens: { Worker: string; Manager: string } }).JoinTokens;
  }

  /** Everything it wrote, its manager process included. */
  output(): string {
    return this.#output.join("");
  }

  async stop(): Promise<void> {
    const child = this.#process;
    const manager = lockHolder(join(this.directory, "manager"));
    if (child === undefined) return;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
      await ended;
      clearTimeout(timer);
    }
    if (manager !== undefined && lockHolder(join(this.directory, "manager")) === manager) {
      process.kill(manager, "SIGKILL");
    }
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
