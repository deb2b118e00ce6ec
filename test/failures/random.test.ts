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
import { failures, Load, send } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import type { Web } from "./support/web.ts";
import { pidOf, runWeb } from "./support/web.ts";
import { configNames, Writes } from "./support/writes.ts";

const SEED = Number(process.env["SKEIN_FAILURES_SEED"] ?? 1);
const SECONDS = Number(process.env["SKEIN_FAILURES_SECONDS"] ?? 30);
const REPLICAS = 5;
const WHOLE_AGAIN_MS = 10_000;
/** Far more than an agent takes to end what is left of a task. */
const TASK_ENDS_MS = 500;

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
    const turmoil = new Turmoil(cluster(), web);
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
    expect(failures(turmoil.unexcused(sent)), turmoil.course()).to.deep.equal([]);
    // A shell that leads the group and the program: more would be a second copy.
    await timeUntil(5000, "two processes a task", () => {
      return cluster().taskPids().length === 2 * REPLICAS;
    });
  });
});

class Turmoil {
  count = 0;
  readonly #cluster: LocalCluster;
  readonly #web: Web;
  readonly #random = new SimRandom(SEED);
  readonly #losses: Loss[] = [];
  /** Worker processes that have served the port: one that has just started waits for its routes. */
  readonly #serving = new Set<number>();
  readonly #doomed = new Set<number>();
  readonly #began = performance.now();
  readonly #course: { readonly at: number; readonly what: string }[] = [];
  #longestMs = 0;

  constructor(cluster: LocalCluster, web: Web) {
    this.#cluster = cluster;
    this.#web = web;
  }

  summary(): string {
    return `whole again after ${this.#longestMs} ms at most`;
  }

  /** What happened when, by the clock of the requests. */
  course(): string {
    return this.#course.map(({ at, what }) => `${Math.round(at)} ms: ${what}`).join("\n");
  }

  /** 127.0.0.1, and each node that serves the port and is not about to go. */
  addresses(): readonly string[] {
    const living = this.#cluster.nodes().filter(({ pids, address }) => {
      const worker = pids.worker ?? 0;
      if (worker === 0 || this.#doomed.has(worker)) return false;
      if (!this.#serving.has(worker)) this.#look(worker, address);
      return this.#serving.has(worker);
    });
    return ["127.0.0.1", ...living.map((node) => node.address)];
  }

  /** One failure, and the wait until nothing is seen of it any more. */
  async next(): Promise<void> {
    const [name, act] = this.#pick(ACTS);
    this.#note(name);
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
    await this.#lose(() => void process.kill(Number(node.pids.worker), "SIGKILL"));
    await pause(this.#random.below(2000));
    await this.#cluster.skein("start", node.name);
  }

  async killMachine(): Promise<void> {
    const node = await this.#doom();
    await this.#lose(() => this.#cluster.skein("kill", node.name));
    await pause(this.#random.below(2000));
    await this.#cluster.skein("start", node.name);
  }

  async killTask(): Promise<void> {
    const task = this.#pick(await this.#cluster.running(this.#web.name));
    await this.#lose(() => {
      if (isAlive(pidOf(task))) process.kill(pidOf(task), "SIGKILL");
    });
    // What is left of it ends when its first process was found dead: it may accept until then.
    this.#losses.push({ at: performance.now(), until: performance.now() + TASK_ENDS_MS });
  }

  async drain(): Promise<void> {
    const { name } = this.#worker();
    await this.#cluster.skein("node", "update", "--availability", "drain", name);
    await pause(this.#random.below(1500));
    await this.#cluster.skein("node", "update", "--availability", "active", name);
  }

  #look(worker: number, address: string): void {
    void send(address, this.#web.port).then(({ error }) => {
      if (error === undefined) this.#serving.add(worker);
    });
  }

  /** A worker that no new request goes to; those under way have a moment to end. */
  async #doom(): Promise<LocalNode> {
    const node = this.#worker();
    this.#doomed.add(Number(node.pids.worker));
    await pause(50);
    return node;
  }

  /** From its beginning to its end: a command takes its time to begin. */
  async #lose(act: () => unknown): Promise<void> {
    const at = performance.now();
    await act();
    this.#losses.push({ at, until: performance.now() });
    this.#note("  done");
  }

  #note(what: string): void {
    this.#course.push({ at: performance.now() - this.#began, what });
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
    const running = await this.#cluster.running(this.#web.name);
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
