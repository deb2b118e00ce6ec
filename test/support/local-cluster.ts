/**
 * A cluster of real processes, made by the built `skein` command under a name and a state
 * directory of its own: what tests of failures and benchmarks kill, freeze and ask. Ends only what
 * it started.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { at, listAt, textAt } from "@skein/cli/api/read";
import type { ClusterFile, LocalNode } from "@skein/cli/local/cluster-file";
import { readClusterFile } from "@skein/cli/local/cluster-file";
import { isOurs, killTasks, signal, taskProcesses } from "@skein/cli/local/processes";
import type { Answer, Ask } from "./api-client.ts";
import { ask } from "./api-client.ts";
import { pause } from "./wait.ts";

export type { LocalNode } from "@skein/cli/local/cluster-file";

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Where {
  readonly cwd: string;
  /** Beside those of the test itself. */
  readonly env: Readonly<Record<string, string>>;
}

export class LocalCluster {
  readonly stateDir: string;
  readonly name: string;
  readonly #nodeIds = new Set<string>();
  /** Every process ever seen, with what its command line names: a pid may be another's by now. */
  readonly #processes = new Map<number, string>();

  constructor(purpose = "test") {
    this.stateDir = mkdtempSync(join(tmpdir(), `skein-${purpose}-`));
    this.name = basename(this.stateDir);
  }

  async up(managers: number, workers: number): Promise<void> {
    await this.skein("up", "--detach", "--managers", `${managers}`, "--workers", `${workers}`);
  }

  /** Takes the cluster down and deletes it, by force where the command cannot. */
  async down(): Promise<void> {
    this.#signalAll("SIGCONT");
    await this.tell("down", "--purge");
    this.kill();
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  /** Ends every process of this cluster at once. */
  kill(): void {
    this.#signalAll("SIGKILL");
    killTasks([...this.#nodeIds]);
  }

  /** Runs a command of `skein` that must succeed; gives what it printed. */
  skein(...args: readonly string[]): Promise<string> {
    return this.skeinIn({ cwd: REPOSITORY, env: {} }, ...args);
  }

  /** The same, in another directory and with variables of its own. */
  async skeinIn(where: Where, ...args: readonly string[]): Promise<string> {
    const said = await this.#tell(where, args);
    if (said.code === 0) return said.out;
    throw new Error(`skein ${args.join(" ")}: exit ${said.code}: ${said.err || said.out}`);
  }

  /** Runs a command of `skein`, whatever comes of it. */
  tell(...args: readonly string[]): Promise<Said> {
    return this.#tell({ cwd: REPOSITORY, env: {} }, args);
  }

  #tell({ cwd, env }: Where, args: readonly string[]): Promise<Said> {
    const options = ["--state-dir", this.stateDir, "--cluster", this.name];
    const command = [join(REPOSITORY, "packages/cli/bin/skein.mjs"), ...options, ...args];
    return new Promise((resolve) => {
      const around = { cwd, env: { ...process.env, ...env } };
      execFile(process.execPath, command, around, (error, out, err) => {
        const code = error === null ? 0 : Number(error.code ?? 1);
        this.#look();
        resolve({ code, out, err });
      });
    });
  }

  nodes(): readonly LocalNode[] {
    const file = this.#look();
    if (file === undefined) throw new Error(`there is no cluster in ${this.stateDir}`);
    return file.nodes;
  }

  node(name: string): LocalNode {
    const node = this.nodes().find((one) => one.name === name || one.id === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  managers(): readonly LocalNode[] {
    return this.nodes().filter((node) => node.role === "manager");
  }

  launcherPid(): number {
    const launcher = this.#look()?.launcher;
    if (launcher === undefined) throw new Error("no launcher is running");
    return launcher.pid;
  }

  /** The leader's node, as a living manager names it. */
  async leader(): Promise<LocalNode> {
    for (;;) {
      const nodes = await this.get("/nodes").catch(() => []);
      const leader = nodes.find((node) => at(node, "ManagerStatus", "Leader") === true);
      const local = this.nodes().find((node) => node.id === textAt(leader, "ID"));
      if (local?.pids.manager !== undefined) return local;
      await pause(20);
    }
  }

  /** Tasks of a service that are wanted to run, whatever they do. */
  wanted(service: string): Promise<readonly unknown[]> {
    const filters = JSON.stringify({ service: [service], "desired-state": ["running"] });
    return this.get(`/tasks?filters=${encodeURIComponent(filters)}`);
  }

  /** Running tasks of a service that are wanted, with a node that is not `except`. */
  async running(service: string, except?: string): Promise<readonly unknown[]> {
    const tasks = await this.wanted(service);
    return tasks.filter(
      (task) => textAt(task, "Status", "State") === "running" && textAt(task, "NodeID") !== except,
    );
  }

  /** Every task of a service that is remembered, the newest first. */
  async tasks(service: string): Promise<readonly unknown[]> {
    const filters = JSON.stringify({ service: [service] });
    const tasks = await this.get(`/tasks?filters=${encodeURIComponent(filters)}`);
    return tasks.toSorted((a, b) => textAt(b, "CreatedAt").localeCompare(textAt(a, "CreatedAt")));
  }

  async get(path: string): Promise<readonly unknown[]> {
    const answer = await this.ask(`GET ${path}`);
    if (answer.status !== 200) {
      throw new Error(`GET ${path}: ${answer.status} ${String(answer.message)}`);
    }
    return listAt({ body: answer.body }, "body");
  }

  /** A request to one node's own socket, else to the cluster's. */
  ask(what: string, options: Ask & { readonly node?: LocalNode } = {}): Promise<Answer> {
    const socket = options.node?.api.replace("unix://", "") ?? join(this.stateDir, "skein.sock");
    return ask(socket, what, { timeoutMs: 10_000, ...options });
  }

  /** A replicated, durable write, through one manager's own socket. */
  writeConfig(name: string, node?: LocalNode): Promise<Answer> {
    const body = { Name: name, Data: Buffer.from(name).toString("base64") };
    return this.ask("POST /configs/create", node === undefined ? { body } : { body, node });
  }

  /** Pids of processes that belong to tasks of these nodes (all of them unless named). */
  taskPids(...nodes: readonly LocalNode[]): readonly number[] {
    if (nodes.length === 0) return taskProcesses([...this.#nodeIds]);
    return taskProcesses(nodes.map((node) => node.id));
  }

  /** Pids of the cluster's own processes that live, and of its tasks. */
  leftBehind(): readonly number[] {
    return [...this.#alive(), ...this.taskPids()];
  }

  #look(): ClusterFile | undefined {
    const file = readClusterFile(this.stateDir);
    if (!file.ok) return undefined;
    for (const { name, id, pids } of file.value.nodes) {
      this.#nodeIds.add(id);
      for (const pid of Object.values(pids)) {
        if (pid !== undefined) this.#processes.set(pid, join(this.stateDir, name));
      }
    }
    const launcher = file.value.launcher?.pid;
    if (launcher !== undefined) this.#processes.set(launcher, this.stateDir);
    return file.value;
  }

  #alive(): readonly number[] {
    return [...this.#processes].filter(([pid, mark]) => isOurs(pid, mark)).map(([pid]) => pid);
  }

  #signalAll(name: NodeJS.Signals): void {
    this.#look();
    for (const pid of this.#alive()) signal(pid, name);
  }
}
