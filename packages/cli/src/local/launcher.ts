/**
 * The launcher of a local cluster: starts the node processes, holds 127.0.0.1 for them, keeps
 * `cluster.json` and the top socket true, and answers `skein start|down|partition`. It restarts nothing
 * unless asked to (`--restart-after`), so that an experiment shows what happens. The cluster lives on
 * without it.
 */
import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { closeSync, openSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { toLauncherSchema } from "@skein/common/wire/local-messages";
import { decodeWith } from "@skein/common/wire/schema";
import { DOWN_GRACE_MS } from "../limits.ts";
import type { ClusterFile, LocalNode } from "./cluster-file.ts";
import { writeClusterFile } from "./cluster-file.ts";
import { Handover } from "./handover.ts";
import { clusterSocket, makePrivateDirectory, nodeDirectory, nodeSocket } from "./paths.ts";
import { killTasks, signal } from "./processes.ts";

export type ProcessKind = "manager" | "worker";

interface Running {
  readonly node: LocalNode;
  readonly kind: ProcessKind;
  readonly child: ChildProcess;
  ready: boolean;
  error: string | undefined;
}

export interface LauncherOptions {
  readonly stateDir: string;
  readonly file: ClusterFile;
  readonly restartAfterMs: number | undefined;
  readonly onExit: (node: LocalNode, kind: ProcessKind, how: string) => void;
}

export class Launcher {
  readonly #options: LauncherOptions;
  readonly #running = new Map<string, Running>();
  readonly #handover = new Handover();
  #waiting: (() => void)[] = [];
  #stopping = false;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  get file(): ClusterFile {
    const nodes = this.#options.file.nodes.map((node) => ({ ...node, pids: this.#pids(node) }));
    const file = { ...this.#options.file, nodes };
    return this.#stopping ? file : { ...file, launcher: { pid: process.pid } };
  }

  startAll(): void {
    for (const node of this.#options.file.nodes) this.startNode(node);
  }

  /** Starts what of this node does not run; returns what it started. */
  startNode(node: LocalNode): readonly ProcessKind[] {
    const kinds: readonly ProcessKind[] =
      node.role === "manager" ? ["manager", "worker"] : ["worker"];
    const missing = kinds.filter((kind) => !this.#running.has(`${node.name}/${kind}`));
    for (const kind of missing) this.#start(node, kind);
    this.#write();
    return missing;
  }

  /** Resolves when every process is ready, or with what failed. */
  async allReady(timeoutMs: number): Promise<string | undefined> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const all = [...this.#running.values()];
      const failed = all.find((one) => one.error !== undefined);
      if (failed !== undefined) return `${failed.node.name} (${failed.kind}): ${failed.error}`;
      const pending = all.filter((one) => !one.ready);
      if (pending.length === 0) return undefined;
      if (Date.now() > deadline) {
        const names = pending.map((one) => `${one.node.name} (${one.kind})`).join(", ");
        return `not ready after ${timeoutMs / 1000} s: ${names}`;
      }
      await this.#change(deadline - Date.now());
    }
  }

  /** Cuts the links between the groups of addresses; an empty list heals. */
  cut(groups: ReadonlyMap<string, readonly string[]>): void {
    for (const { node, child } of this.#running.values()) {
      child.send({ kind: "cut", addresses: groups.get(node.name) ?? [] }, () => undefined);
    }
  }

  /** Ends every process and every task; workers first, so that tasks end in their grace period. */
  async stop(reason: string): Promise<void> {
    this.#stopping = true;
    await this.#stopKind("worker", reason);
    await this.#stopKind("manager", reason);
    killTasks(this.#options.file.nodes.map((node) => node.id));
    this.#handover.close();
    this.#write();
  }

  #start(node: LocalNode, kind: ProcessKind): void {
    const directory = nodeDirectory(this.#options.stateDir, node.name);
    makePrivateDirectory(join(nodeSocket(this.#options.stateDir, node.name), ".."));
    const log = openSync(node.log, "a", 0o600);
    const entry = fileURLToPath(new URL(`../../${kind}/dist/skein-${kind}.mjs`, import.meta.url));
    const child = fork(entry, ["--state-dir", directory], {
      stdio: ["ignore", log, log, "ipc"],
      // Its own group: a Ctrl-C in the terminal is for the launcher, which ends the nodes in order.
      detached: true,
      execArgv: ["--enable-source-maps"],
    });
    closeSync(log);
    const running: Running = { node, kind, child, ready: false, error: undefined };
    this.#running.set(`${node.name}/${kind}`, running);
    child.on("message", (message) => this.#message(running, message));
    child.on("error", (error) => this.#ended(running, error.message));
    child.on("exit", (code, name) => this.#ended(running, name ?? `exit ${code}`));
  }

  #message(running: Running, raw: unknown): void {
    const message = decodeWith(toLauncherSchema, raw);
    if (!message.ok) return;
    if (message.value.kind === "ready") {
      running.ready = true;
      if (running.kind === "manager") this.#point();
    } else if (message.value.kind === "failed") {
      running.error = message.value.error;
    } else {
      const holder = { address: running.node.address, child: running.child };
      this.#handover.published(holder, message.value.ports);
    }
    this.#changed();
  }

  #ended(running: Running, how: string): void {
    const key = `${running.node.name}/${running.kind}`;
    if (this.#running.get(key) !== running) return;
    this.#handover.gone(running.child);
    if (running.ready || this.#stopping) this.#running.delete(key);
    else running.error ??= `ended at start (${how}), see ${running.node.log}`;
    this.#write();
    this.#point();
    this.#changed();
    if (this.#stopping) return;
    this.#options.onExit(running.node, running.kind, how);
    const after = this.#options.restartAfterMs;
    if (after !== undefined) setTimeout(() => this.startNode(running.node), after).unref();
  }

  async #stopKind(kind: ProcessKind, reason: string): Promise<void> {
    const of = (): Running[] => [...this.#running.values()].filter((one) => one.kind === kind);
    for (const { child } of of()) {
      if (child.connected) child.send({ kind: "stop", reason }, () => undefined);
      else if (child.pid !== undefined) signal(child.pid, "SIGTERM");
    }
    const deadline = Date.now() + DOWN_GRACE_MS;
    while (of().length > 0 && Date.now() < deadline) await this.#change(deadline - Date.now());
    for (const { child } of of()) child.kill("SIGKILL");
    while (of().length > 0) await this.#change(1000);
  }

  #pids(node: LocalNode): LocalNode["pids"] {
    const manager = this.#running.get(`${node.name}/manager`)?.child.pid;
    const worker = this.#running.get(`${node.name}/worker`)?.child.pid;
    return {
      ...(manager === undefined ? {} : { manager }),
      ...(worker === undefined ? {} : { worker }),
    };
  }

  /** Points the top socket at a living manager: a link replaced by rename, never absent. */
  #point(): void {
    const alive = [...this.#running.values()].find((one) => one.kind === "manager" && one.ready);
    if (alive === undefined) return;
    const link = clusterSocket(this.#options.stateDir);
    const beside = `${link}.new-${process.pid}`;
    symlinkSync(nodeSocket(this.#options.stateDir, alive.node.name), beside);
    renameSync(beside, link);
  }

  #write(): void {
    writeClusterFile(this.#options.stateDir, this.file);
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, withinMs));
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
