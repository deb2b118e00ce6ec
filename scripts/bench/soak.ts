/**
 * A cluster of `up` under load for a while, with nothing broken: nobody may be taken for dead, no
 * task be replaced, no leader change. The last quarter is as bad as it gets: the published port is
 * saturated, and a client asks for `/tasks` without pause.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { textAt } from "@skein/cli/api/read";
import { startLoadRun } from "@skein/cli/commands/load-runner";
import { LocalCluster } from "../../test/support/local-cluster.ts";
import { pause } from "../../test/support/wait.ts";
import { runLoad } from "./load.ts";
import { report } from "./report.ts";

const PORT = 18_082;
const REPLICAS = 3;
const REQUESTS_PER_SECOND = 100;
const LOOK_MS = 1000;
const ANSWER_MS = 10_000;

/** What must stay as it is; counters are sums over all processes. */
const COUNTERS = [
  "skein_gossip_verdicts_total",
  "skein_gossip_alerts_total",
  "skein_gossip_refutations_total",
  "skein_gossip_stalls_total",
  "skein_raft_leader_changes_total",
] as const;
type Counter = (typeof COUNTERS)[number];

export async function benchSoak(minutes: number): Promise<void> {
  const cluster = new LocalCluster("soak");
  try {
    await cluster.up(3, 3);
    const program = ["node", "examples/hello/server.js"];
    const what = ["--replicas", `${REPLICAS}`, "-p", `${PORT}:3000`, "--", ...program];
    await cluster.skein("run", "--name", "web", ...what);
    const watch = new Watch(cluster);
    await watch.begin();
    const wholeMs = minutes * 60_000;
    await steady(cluster, (wholeMs * 3) / 4);
    await watch.tell(`${Math.round((minutes * 3) / 4)} min of load`);
    await watch.begin();
    await saturated(cluster, wholeMs / 4);
    await watch.tell(`${Math.round(minutes / 4)} min of saturated ingress and polled /tasks`);
    watch.end();
  } finally {
    await cluster.down();
  }
}

/** A hundred requests a second, each on a connection of its own, and a write every second. */
async function steady(cluster: LocalCluster, forMs: number): Promise<void> {
  const url = new URL(`http://127.0.0.1:${PORT}/`);
  const load = startLoadRun({ url, perSecond: REQUESTS_PER_SECOND, answerMs: ANSWER_MS });
  const until = performance.now() + forMs;
  let [writes, refused] = [0, 0];
  while (performance.now() < until) {
    const answer = await cluster.writeConfig(`soak-${writes}`).catch(() => undefined);
    writes += 1;
    if (answer?.status === 201) await cluster.ask(`DELETE /configs/soak-${writes - 1}`);
    else refused += 1;
    await pause(LOOK_MS);
  }
  const { ok, failed, retried } = await load.stop();
  tell("requests answered under load", "", ok, "higher");
  tell("requests failed under load", "", failed, "lower");
  tell("requests sent again under load", "", retried, "lower");
  tell("writes refused under load", "", refused, "lower");
}

/** Everything the machine has: `wrk` where it is installed, and a poller that never pauses. */
async function saturated(cluster: LocalCluster, forMs: number): Promise<void> {
  const socket = cluster.stateDir.concat("/skein.sock");
  const poll = { connections: 1, durationMs: forMs, targets: [socket], path: "/tasks" } as const;
  const [rate, polled] = await Promise.all([ingressLoad(forMs), runLoad(poll)]);
  tell("saturated ingress", "requests/s", rate, "higher");
  tell("/tasks polled meanwhile", "requests/s", polled.perSecond, "higher");
  tell("/tasks answered after (p99)", "ms", polled.p99, "lower");
  tell("/tasks not answered", "", polled.errors, "lower");
}

async function ingressLoad(forMs: number): Promise<number> {
  const target = `127.0.0.1:${PORT}`;
  if (spawnSync("wrk", ["-v"]).error !== undefined) {
    const how = { connections: 32, durationMs: forMs, targets: [target], path: "/" } as const;
    return (await runLoad(how)).perSecond;
  }
  const args = ["-t1", "-c32", `-d${Math.ceil(forMs / 1000)}s`, `http://${target}/`];
  const wrk = spawn("wrk", args, { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  wrk.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  await once(wrk, "exit");
  return Math.round(Number(/Requests\/sec:\s+([\d.]+)/.exec(printed)?.[1] ?? Number.NaN));
}

/** Looks every second, and counts what must not happen. */
class Watch {
  readonly #cluster: LocalCluster;
  readonly #timer: NodeJS.Timeout;
  #before: ReadonlyMap<Counter, number> = new Map();
  #tasks: ReadonlySet<string> = new Set();
  #loads: number[] = [];
  /** Looks at which a node was not ready. */
  #notReady = 0;
  #looking = false;

  constructor(cluster: LocalCluster) {
    this.#cluster = cluster;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  async begin(): Promise<void> {
    this.#before = await this.#counters();
    this.#tasks = await this.#everyTask();
    this.#loads = [];
    this.#notReady = 0;
  }

  async tell(name: string): Promise<void> {
    const counters = await this.#counters();
    const replaced = [...(await this.#everyTask())].filter((id) => !this.#tasks.has(id)).length;
    tell(`${name}: tasks replaced`, "", replaced, "lower");
    tell(`${name}: looks at which a node was not ready`, "", this.#notReady, "lower");
    for (const counter of COUNTERS) {
      const grown = (counters.get(counter) ?? 0) - (this.#before.get(counter) ?? 0);
      tell(`${name}: ${counter}`, "", grown, "lower");
    }
    const sorted = this.#loads.toSorted((a, b) => a - b);
    const middle = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
    tell(`${name}: load average of the machine, median`, "", middle, "lower");
    tell(`${name}: load average of the machine, highest`, "", sorted.at(-1) ?? 0, "lower");
  }

  end(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    this.#loads.push(loadavg()[0] ?? 0);
    if (this.#looking) return;
    this.#looking = true;
    const nodes = await this.#cluster.get("/nodes").catch(() => []);
    if (nodes.some((node) => textAt(node, "Status", "State") !== "ready")) this.#notReady += 1;
    this.#looking = false;
  }

  /** Every task that is remembered, replaced ones too. */
  async #everyTask(): Promise<ReadonlySet<string>> {
    return new Set((await this.#cluster.tasks("web")).map((task) => textAt(task, "ID")));
  }

  async #counters(): Promise<ReadonlyMap<Counter, number>> {
    const nodes = this.#cluster.nodes();
    const texts = await Promise.all(
      nodes.map(async (node) => String((await this.#cluster.ask("GET /metrics", { node })).body)),
    );
    return new Map(COUNTERS.map((name) => [name, sumOf(name, texts)]));
  }
}

function sumOf(name: string, texts: readonly string[]): number {
  const line = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, "gm");
  let sum = 0;
  for (const text of texts) for (const [, value] of text.matchAll(line)) sum += Number(value);
  return sum;
}

function tell(name: string, unit: string, ours: number, better: "higher" | "lower"): void {
  report({ bench: "soak", case: name, unit, better, ours: Number(ours.toFixed(2)), peer: null });
}
