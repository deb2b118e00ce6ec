/**
 * After `skein kill`: what followed, told by the logs of the nodes that are left, the API and the
 * counters of published ports. Watches until all that can follow has, or for a bounded time.
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import type { ApiClient } from "../api/client.ts";
import { listAt, numberAt, textAt } from "../api/read.ts";
import { AFTERMATH_LOG_BYTES_MAX, AFTERMATH_MS_MAX, AFTERMATH_POLL_MS } from "../limits.ts";
import type { AftermathRow, LogLine, Loss } from "../local/aftermath.ts";
import { aftermath, newLeader, readLogLines, whoKnows } from "../local/aftermath.ts";
import type { ClusterFile, LocalNode } from "../local/cluster-file.ts";
import { livingPids } from "../local/processes.ts";
import { table } from "../output/table.ts";
import { trafficBetween } from "../output/traffic.ts";
import { filterQuery, isLeader } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { apiClient } from "./context.ts";

export interface Aftermath {
  readonly rows: readonly AftermathRow[];
  /** What did not come to an end while it was watched, and the requests meanwhile. */
  readonly remarks: readonly string[];
}

interface Before {
  readonly leader: string;
  /** Tasks wanted on the nodes to be killed. */
  readonly tasks: number;
  readonly traffic: unknown;
}

export interface Watched {
  readonly stateDir: string;
  readonly file: ClusterFile;
  readonly killed: readonly LocalNode[];
  readonly flags: GlobalOptions;
}

/** `kill`: does it, between what is read before and what is watched after. */
export async function watchAftermath(watched: Watched, kill: () => void): Promise<Aftermath> {
  const { file, killed, stateDir } = watched;
  const before = await readBefore(watched);
  const left = file.nodes.filter((node) => !killed.includes(node));
  const living = left.filter((node) => livingPids(stateDir, node).length > 0);
  const logs = living.map((node) => ({ node, from: sizeOf(node.log) }));
  const loss: Loss = {
    at: Date.now(),
    names: new Map(
      file.nodes.flatMap(({ id, address, name }) => [
        [id, name],
        [address, name],
      ]),
    ),
    killed: new Set(killed.map((node) => node.name)),
  };
  kill();
  const until = performance.now() + AFTERMATH_MS_MAX;
  const goals = new Goals(watched, before, living, loss);
  for (;;) {
    const lines = logs.flatMap(({ node, from }) => readLogLines(node.name, textFrom(node, from)));
    await goals.look(lines);
    if (goals.allMet() || performance.now() > until) return goals.told(lines);
    await new Promise((resolve) => setTimeout(resolve, AFTERMATH_POLL_MS));
  }
}

class Goals {
  readonly #watched: Watched;
  readonly #before: Before;
  readonly #living: readonly LocalNode[];
  readonly #loss: Loss;
  #leads = false;
  #known = false;
  #tasksAt: number | undefined;

  constructor(watched: Watched, before: Before, living: readonly LocalNode[], loss: Loss) {
    this.#watched = watched;
    this.#before = before;
    this.#living = living;
    this.#loss = loss;
    const { killed } = watched;
    this.#leads = !killed.some((node) => node.id === before.leader) || !this.#hasQuorum();
    if (before.tasks === 0) this.#tasksAt = 0;
  }

  async look(lines: readonly LogLine[]): Promise<void> {
    const { killed } = this.#watched;
    this.#leads ||= newLeader(lines, this.#loss) !== undefined;
    this.#known = whoKnows(lines, this.#loss).size >= killed.length * this.#living.length;
    if (this.#tasksAt !== undefined || !this.#leads || !this.#hasQuorum()) return;
    if (await tasksAreReplaced(this.#watched)) this.#tasksAt = Date.now() - this.#loss.at;
  }

  allMet(): boolean {
    const tasks = this.#tasksAt !== undefined || !this.#hasQuorum();
    return this.#leads && this.#known && tasks;
  }

  async told(lines: readonly LogLine[]): Promise<Aftermath> {
    const rows = [...aftermath(lines, this.#loss)];
    const { tasks } = this.#before;
    if (this.#tasksAt !== undefined && tasks > 0) {
      const what = `${tasks === 1 ? "its task runs" : `its ${tasks} tasks run`} elsewhere`;
      rows.push({ ms: this.#tasksAt, nodes: [], what });
    }
    const remarks = [...this.#open(), ...(await this.#requests())];
    return { rows: rows.sort((a, b) => a.ms - b.ms), remarks };
  }

  #open(): readonly string[] {
    if (!this.#hasQuorum()) return ["no leader: too few managers are left: skein doctor"];
    const watched = `within ${AFTERMATH_MS_MAX / 1000} s`;
    return [
      ...(this.#leads ? [] : [`no new leader ${watched}: skein doctor`]),
      ...(this.#tasksAt === undefined ? [`not all tasks run again ${watched}: skein status`] : []),
    ];
  }

  async #requests(): Promise<readonly string[]> {
    const api = await clientOf(this.#watched.flags);
    const after = await valueOf(api, "/skein/v1/traffic");
    const { services } = trafficBetween(this.#before.traffic, after, 1);
    let [requests, failed, retried] = [0, 0, 0];
    for (const one of services) {
      requests += one.requests + one.connections;
      failed += one.errors;
      retried += one.retries;
    }
    if (requests === 0) return [];
    const again = retried === 0 ? "" : `, ${retried} tries were taken over by another task`;
    return [`${requests} requests at published ports meanwhile: ${failed} failed${again}`];
  }

  #hasQuorum(): boolean {
    const isManager = (node: LocalNode): boolean => node.role === "manager";
    const all = this.#watched.file.nodes.filter(isManager).length;
    return this.#living.filter(isManager).length * 2 > all;
  }
}

async function readBefore({ killed, flags }: Watched): Promise<Before> {
  const api = await clientOf(flags);
  const nodes = listAt({ all: await valueOf(api, "/nodes") }, "all");
  const words = [...killed.map((node) => `node=${node.id}`), "desired-state=running"];
  const tasks = await valueOf(api, "/tasks", filterQuery(words, "list tasks"));
  return {
    leader: textAt(nodes.find(isLeader), "ID"),
    tasks: listAt({ all: tasks }, "all").length,
    traffic: await valueOf(api, "/skein/v1/traffic"),
  };
}

/** No task is wanted on them, and every service has as many running as it wants. */
async function tasksAreReplaced({ killed, flags }: Watched): Promise<boolean> {
  const api = await clientOf(flags);
  const words = [...killed.map((node) => `node=${node.id}`), "desired-state=running"];
  const tasks = await valueOf(api, "/tasks", filterQuery(words, "list tasks"));
  if (!Array.isArray(tasks) || tasks.length > 0) return false;
  const services = await valueOf(api, "/services", { status: "true" });
  return listAt({ all: services }, "all").every(
    (service) =>
      numberAt(service, "ServiceStatus", "RunningTasks") >=
      numberAt(service, "ServiceStatus", "DesiredTasks"),
  );
}

async function clientOf(flags: GlobalOptions): Promise<ApiClient | undefined> {
  const api = await apiClient(flags);
  return api.ok ? api.value : undefined;
}

/** Undefined: no answer. What is watched must not fail because it is not there. */
async function valueOf(
  api: ApiClient | undefined,
  path: string,
  query?: Readonly<Record<string, string>>,
): Promise<unknown> {
  const request = { method: "GET", path, once: true, ...(query === undefined ? {} : { query }) };
  const answer = await api?.call(request as Parameters<ApiClient["call"]>[0]);
  return answer?.ok === true ? answer.value : undefined;
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

function textFrom(node: LocalNode, from: number): string {
  const buffer = Buffer.alloc(AFTERMATH_LOG_BYTES_MAX);
  try {
    const fd = openSync(node.log, "r");
    const length = readSync(fd, buffer, 0, buffer.length, from);
    closeSync(fd);
    return buffer.toString("utf8", 0, length);
  } catch {
    return "";
  }
}

export function describeAftermath({ rows, remarks }: Aftermath): readonly string[] {
  const cells = rows.map(({ ms, nodes, what }) => [
    `${ms} ms`.padStart(9),
    nodes.length > 3 ? `${nodes.length} nodes` : nodes.join(", "),
    what,
  ]);
  const lines = cells.length === 0 ? [] : table(["    AFTER", "NODE", "WHAT FOLLOWED"], cells);
  return [...lines, ...remarks];
}
