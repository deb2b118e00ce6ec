/**
 * One failure after the other, drawn from a seed, under requests and writes all the while. After
 * each the cluster is whole again within seconds. `SKEIN_FAILURES_SEED` and
 * `SKEIN_FAILURES_SECONDS` choose another course and a longer one.
 */

import { textAt } from "@skein/cli/api/read";
import { isAlive } from "@skein/cli/local/processes";
import { expect } from "chai";
import { SimRandom } from "../sim/sim-random.ts";
import type { LocalCluster, LocalNode } from "../support/local-cluster.ts";
import { pause, timeUntil } from "../support/wait.ts";
import type { Sent } from "./support/load.ts";
import { failures, Load } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import { pidOf, runWeb } from "./support/web.ts";
import { configNames, Writes } from "./support/writes.ts";

const SEED = Number(process.env["SKEIN_FAILURES_SEED"] ?? 1);
const SECONDS = Number(process.env["SKEIN_FAILURES_SECONDS"] ?? 30);
const REPLICAS = 5;
const WHOLE_AGAIN_MS = 10_000;
/** A node that has just started is not asked yet: its ports are open once the leader knows it. */
const SETTLED_MS = 2500;
/** What is left of a task ends when its first process was found dead: it may accept until then. */
const TASK_ENDS_MS = 300;

/** What happened to what was alive: requests that it had accepted may fail. */
interface Loss {
  readonly at: number;
  readonly until: number;
}

describe("random failures", function randomFailures() {
  this.timeout(SECONDS * 1000 + 120_000);
  const cluster = useCluster(3, 4);

  it(`seed ${SEED}, ${SECONDS} s: no write is lost, no request fails`, async () => {
    console.log(`      again: SKEIN_FAILURES_SEED=${SEED} npm run test:full -- failures`);
    const web = await runWeb(cluster(), { replicas: REPLICAS });
    const turmoil = new Turmoil(cluster(), web.name);
    const load = new Load({ port: web.port, perSecond: 30, addresses: () => turmoil.addresses() });
    const writes = new Writes(cluster(), "turmoil");
    const end = performance.now() + SECONDS * 1000;
    while (performance.now() < end) await turmoil.next();
    const acknowledged = await writes.stop();
    const sent = await load.atLeast(0);
    figure(`${turmoil.count} random failures`, turmoil.summary());
    const kept = await configNames(cluster());
    const lost = acknowledged.filter((name) => !kept.has(name));
    expect(lost, "acknowledged writes that are gone").to.deep.equal([]);
    expect(failures(turmoil.unexcused(sent))).to.deep.equal([]);
    // A shell that leads the group and the program: more would be a second copy.
    await timeUntil(5000, "two processes a task", () => {
      return cluster().taskPids().length === 2 * REPLICAS;
    });
  });
});

class Turmoil {
  count = 0;
  readonly #cluster: LocalCluster;
  readonly #service: string;
  readonly #random = new SimRandom(SEED);
  readonly #losses: Loss[] = [];
  /** When each worker process was seen first. */
  readonly #since = new Map<number, number>();
  readonly #doomed = new Set<number>();
  #longestMs = 0;

  constructor(cluster: LocalCluster, service: string) {
    this.#cluster = cluster;
    this.#service = service;
    for (const { pids } of cluster.nodes()) this.#since.set(Number(pids.worker), -SETTLED_MS);
  }

  summary(): string {
    return `whole again after ${this.#longestMs} ms at most`;
  }

  /** 127.0.0.1, and each node that has been there for a while and is not about to go. */
  addresses(): readonly string[] {
    const now = performance.now();
    const settled = this.#cluster.nodes().filter(({ pids: { worker } }) => {
      if (worker === undefined || this.#doomed.has(worker)) return false;
      const since = this.#since.get(worker) ?? now;
      this.#since.set(worker, since);
      return now - since >= SETTLED_MS;
    });
    return ["127.0.0.1", ...settled.map((node) => node.address)];
  }

  /** One failure, and the wait until nothing is seen of it any more. */
  async next(): Promise<void> {
    const [name, act] = this.#pick(ACTS);
    await act.call(this);
    const tookMs = await timeUntil(WHOLE_AGAIN_MS, `whole again after: ${name}`, () => {
      return this.#isWhole();
    });
    this.#longestMs = Math.max(this.#longestMs, tookMs);
    this.count += 1;
  }

  unexcused(sent: readonly Sent[]): readonly Sent[] {
    return sent.filter(({ from, to, error }) => {
      if (error === undefined || error === "ECONNREFUSED") return true;
      return !this.#losses.some(({ at, until }) => from <= until && to >= at);
    });
  }

  async killLeader(): Promise<void> {
    const leader = await this.#cluster.leader();
    process.kill(Number(leader.pids.manager), "SIGKILL");
    await pause(this.#random.below(1000));
    await this.#cluster.skein("start", leader.name);
  }

  async freezeLeader(): Promise<void> {
    const leader = await this.#cluster.leader();
    process.kill(Number(leader.pids.manager), "SIGSTOP");
    await pause(this.#random.below(2000));
    process.kill(Number(leader.pids.manager), "SIGCONT");
  }

  async killManagers(): Promise<void> {
    const managers = this.#cluster.managers();
    for (const { pids } of managers) process.kill(Number(pids.manager), "SIGKILL");
    await pause(this.#random.below(1000));
    await Promise.all(managers.map(({ name }) => this.#cluster.skein("start", name)));
  }

  async killAgent(): Promise<void> {
    const node = await this.#doom();
    this.#lose(0);
    process.kill(Number(node.pids.worker), "SIGKILL");
    await pause(this.#random.below(2000));
    await this.#cluster.skein("start", node.name);
  }

  async killMachine(): Promise<void> {
    const node = await this.#doom();
    // The command takes its time to begin.
    this.#lose(TASK_ENDS_MS);
    await this.#cluster.skein("kill", node.name);
    await pause(this.#random.below(2000));
    await this.#cluster.skein("start", node.name);
  }

  async killTask(): Promise<void> {
    const task = this.#pick(await this.#cluster.running(this.#service));
    this.#lose(TASK_ENDS_MS);
    if (isAlive(pidOf(task))) process.kill(pidOf(task), "SIGKILL");
  }

  async drain(): Promise<void> {
    const { name } = this.#worker();
    await this.#cluster.skein("node", "update", "--availability", "drain", name);
    await pause(this.#random.below(1500));
    await this.#cluster.skein("node", "update", "--availability", "active", name);
  }

  /** A worker that no new request goes to; those under way have a moment to end. */
  async #doom(): Promise<LocalNode> {
    const node = this.#worker();
    this.#doomed.add(Number(node.pids.worker));
    await pause(50);
    return node;
  }

  #lose(forMs: number): void {
    const at = performance.now();
    this.#losses.push({ at, until: at + forMs });
  }

  #worker(): LocalNode {
    return this.#pick(this.#cluster.nodes().filter((node) => node.role === "worker"));
  }

  #pick<T>(from: readonly T[]): T {
    const [picked] = from.slice(this.#random.below(from.length));
    if (picked === undefined) throw new Error("there is nothing to pick from");
    return picked;
  }

  async #isWhole(): Promise<boolean> {
    const nodes = await this.#cluster.get("/nodes");
    const ready = nodes.filter((node) => textAt(node, "Status", "State") === "ready");
    const running = await this.#cluster.running(this.#service);
    return ready.length === this.#cluster.nodes().length && running.length === REPLICAS;
  }
}

const ACTS: readonly (readonly [name: string, act: (this: Turmoil) => Promise<void>])[] = [
  ["leader killed", Turmoil.prototype.killLeader],
  ["leader frozen", Turmoil.prototype.freezeLeader],
  ["all managers killed", Turmoil.prototype.killManagers],
  ["agent killed", Turmoil.prototype.killAgent],
  ["machine killed", Turmoil.prototype.killMachine],
  ["task killed", Turmoil.prototype.killTask],
  ["node drained", Turmoil.prototype.drain],
];
