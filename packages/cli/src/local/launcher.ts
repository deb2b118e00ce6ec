/**
 * The launcher of a local cluster: starts the node processes, holds 127.0.0.1 for them, keeps
 * `cluster.json` and the top socket true, and answers `skein start|down|partition`. It restarts
 * nothing unless asked to (`--restart-after`), so that an experiment shows what happens. The
 * cluster lives on without it.
 */
import type { ChildProcess } from "node:child_process";
import { DOWN_GRACE_MS } from "../limits.ts";
import type { ClusterFile, LocalNode } from "./cluster-file.ts";
import { socketPath, writeClusterFile } from "./cluster-file.ts";
import { Handover } from "./handover.ts";
import type { ProcessKind } from "./node-process.ts";
import { forkNode, kindsOf, readMessage, tell } from "./node-process.ts";
import { errorText } from "./paths.ts";
import { killTasks, signal } from "./processes.ts";
import { TopSocket } from "./top-socket.ts";

interface Running {
  readonly node: LocalNode;
  readonly kind: ProcessKind;
  readonly child: ChildProcess;
  ready: boolean;
  error: string | undefined;
}

/** What a node does not hear and reach, by address, and what it does not hear but reach. */
export interface Cut {
  readonly addresses: readonly string[];
  readonly deafTo?: readonly string[];
}

export interface LauncherOptions {
  readonly stateDir: string;
  readonly file: ClusterFile;
  readonly restartAfterMs: number | undefined;
  /** Told of every process that ends unasked, and of ports that cannot be served. */
  readonly remark: (line: string) => void;
  readonly progress: (ready: number, all: number) => void;
}

export class Launcher {
  readonly #options: LauncherOptions;
  readonly #running = new Map<string, Running>();
  readonly #handover: Handover;
  readonly #top: TopSocket;
  #cuts: ReadonlyMap<string, Cut> = new Map();
  #waiting: (() => void)[] = [];
  #stopping = false;

  constructor(options: LauncherOptions) {
    this.#options = options;
    this.#handover = new Handover(options.remark);
    this.#top = new TopSocket(socketPath(options.file.api), () => this.#managerSockets());
  }

  get file(): ClusterFile {
    const nodes = this.#options.file.nodes.map((node) => ({ ...node, pids: this.#pids(node) }));
    const file = { ...this.#options.file, nodes };
    return this.#stopping ? file : { ...file, launcher: { pid: process.pid } };
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  problems(): readonly string[] {
    return this.#handover.problems();
  }

  startAll(): void {
    for (const node of this.#options.file.nodes) this.startNode(node);
  }

  /** Starts what of this node does not run; returns what it started. */
  startNode(node: LocalNode): readonly ProcessKind[] {
    const missing = kindsOf(node).filter((kind) => !this.#running.has(`${node.name}/${kind}`));
    for (const kind of missing) this.#start(node, kind);
    this.save();
    return missing;
  }

  /** Resolves when every process of these nodes is ready, or with what failed. */
  async ready(nodes: readonly LocalNode[], timeoutMs: number): Promise<string | undefined> {
    const deadline = Date.now() + timeoutMs;
    const keys = nodes.flatMap((node) => kindsOf(node).map((kind) => `${node.name}/${kind}`));
    for (;;) {
      if (this.#stopping) return "it was taken down meanwhile";
      const all = keys.map((key) => this.#running.get(key));
      const failed = all.find((one) => one?.error !== undefined);
      if (failed !== undefined) return this.#giveUp(failed);
      const gone = keys.find((_, at) => all[at] === undefined);
      if (gone !== undefined) return `${gone.replace("/", " (")}) ended meanwhile`;
      const pending = all.filter((one) => one?.ready === false);
      this.#options.progress(keys.length - pending.length, keys.length);
      if (pending.length === 0) return undefined;
      if (Date.now() > deadline) {
        const names = pending.map((one) => `${one?.node.name} (${one?.kind})`).join(", ");
        return `not ready after ${timeoutMs / 1000} s: ${names}; see ${pending[0]?.node.log}`;
      }
      await this.#change(deadline - Date.now());
    }
  }

  /** Makes `cluster.json` say what is. */
  save(): void {
    try {
      writeClusterFile(this.#options.stateDir, this.file);
    } catch (error) {
      // A full disk, or a directory that is gone: the cluster itself is not the worse for it.
      this.#options.remark(`cluster.json is out of date: ${errorText(error)}`);
    }
  }

  /** Cuts the links of these nodes; those of all others are healed. */
  cut(cuts: ReadonlyMap<string, Cut>): void {
    this.#cuts = cuts;
    for (const one of this.#running.values()) this.#tellCut(one);
  }

  /** Ends every process and every task; workers first, so that tasks end in their grace period. */
  async stop(reason: string): Promise<void> {
    this.#stopping = true;
    this.#changed();
    // One that is paused cannot end by itself.
    for (const { child } of this.#running.values()) child.kill("SIGCONT");
    await this.#stopKind("worker", reason);
    await this.#stopKind("manager", reason);
    killTasks(this.#options.file.nodes.map((node) => node.id));
    this.#handover.close();
    this.#top.close();
    this.save();
  }

  #start(node: LocalNode, kind: ProcessKind): void {
    const child = forkNode({ stateDir: this.#options.stateDir, node, kind });
    const running: Running = { node, kind, child, ready: false, error: undefined };
    this.#running.set(`${node.name}/${kind}`, running);
    child.on("message", (message) => this.#message(running, message));
    child.on("error", (error) => {
      if (child.pid === undefined) this.#ended(running, error.message);
    });
    child.on("exit", (code, name) => this.#ended(running, name ?? `exit ${code}`));
  }

  #message(running: Running, raw: unknown): void {
    const message = readMessage(raw);
    if (message === undefined) return;
    if (message.kind === "ready") {
      running.ready = true;
      if (this.#cuts.size > 0) this.#tellCut(running);
      if (running.kind === "manager") this.#top.point();
    } else if (message.kind === "failed") {
      running.error = message.error;
    } else if (message.kind === "published") {
      const holder = { address: running.node.address, child: running.child };
      this.#handover.published(holder, message.ports);
    }
    this.#changed();
  }

  #ended(running: Running, how: string): void {
    const key = `${running.node.name}/${running.kind}`;
    if (this.#running.get(key) !== running) return;
    this.#handover.gone(running.child);
    // One that failed at its start stays until whoever waits for it has read why.
    if (running.ready || this.#stopping) this.#running.delete(key);
    else running.error ??= `ended at its start (${how})`;
    this.save();
    this.#top.point();
    this.#changed();
    if (this.#stopping || !running.ready) return;
    this.#options.remark(`${running.node.name}: its ${running.kind} process ended (${how})`);
    this.#restartLater(running.node);
  }

  #restartLater(node: LocalNode): void {
    const { restartAfterMs, remark } = this.#options;
    if (restartAfterMs === undefined) return;
    setTimeout(() => {
      if (this.#stopping) return;
      try {
        const started = this.startNode(node);
        if (started.length > 0) remark(`${node.name}: started again: ${started.join(", ")}`);
        void this.ready([node], DOWN_GRACE_MS);
      } catch (error) {
        remark(`${node.name}: cannot be started again: ${errorText(error)}`);
      }
    }, restartAfterMs).unref();
  }

  #giveUp(failed: Running): string {
    const key = `${failed.node.name}/${failed.kind}`;
    if (failed.child.exitCode !== null || failed.child.signalCode !== null) {
      this.#running.delete(key);
    }
    const reason = (failed.error ?? "").replace(/^Cannot start (manager|worker): /, "");
    return `${failed.node.name} (${failed.kind}): ${reason}; see ${failed.node.log}`;
  }

  #tellCut({ node, child }: Running): void {
    tell(child, { kind: "cut", addresses: [], ...this.#cuts.get(node.name) });
  }

  async #stopKind(kind: ProcessKind, reason: string): Promise<void> {
    const of = (): Running[] =>
      [...this.#running.values()].filter((one) => one.kind === kind && isAlive(one.child));
    for (const { child } of of()) {
      if (child.connected) tell(child, { kind: "stop", reason });
      else if (child.pid !== undefined) signal(child.pid, "SIGTERM");
    }
    const deadline = Date.now() + DOWN_GRACE_MS;
    while (of().length > 0 && Date.now() < deadline) await this.#change(deadline - Date.now());
    for (const { child } of of()) child.kill("SIGKILL");
    while (of().length > 0) await this.#change(1000);
  }

  #managerSockets(): readonly string[] {
    const managers = [...this.#running.values()].filter(
      (one) => one.kind === "manager" && one.ready,
    );
    return managers.map(({ node }) => socketPath(node.api));
  }

  #pids(node: LocalNode): LocalNode["pids"] {
    const alive = kindsOf(node).flatMap((kind) => {
      const child = this.#running.get(`${node.name}/${kind}`)?.child;
      return child?.pid === undefined || !isAlive(child) ? [] : [[kind, child.pid] as const];
    });
    return Object.fromEntries(alive);
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

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
