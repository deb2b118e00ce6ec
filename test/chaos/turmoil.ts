/** What happens to the managers of a real cluster, drawn from a seed. */
import type { SimRandom } from "../sim/sim-random.ts";
import type { LocalCluster, LocalNode } from "../support/local-cluster.ts";
import { pause } from "../support/wait.ts";

/** Longer than an election, shorter and longer than a write waits for its answer. */
const LONG_MS = 6500;
const SHORT_MS = 1500;
const START_TRIES_MAX = 20;

type Act = (this: Turmoil) => Promise<void>;

export class Turmoil {
  readonly counts: Record<string, number>;
  readonly course: string[] = [];
  readonly #cluster: LocalCluster;
  readonly #random: SimRandom;
  readonly #since = performance.now();

  constructor(cluster: LocalCluster, random: SimRandom) {
    this.#cluster = cluster;
    this.#random = random;
    this.counts = Object.fromEntries(ACTS.map(([name]) => [name, 0]));
  }

  /** One mishap and its end; sometimes the next follows before all is well. */
  async next(): Promise<void> {
    const [chosen] = ACTS.slice(this.#random.below(ACTS.length));
    if (chosen === undefined) return;
    const [name, act] = chosen;
    this.#note(name);
    await act.call(this);
    this.#note(`${name}: over`);
    this.counts[name] = (this.counts[name] ?? 0) + 1;
    await pause(this.#random.below(this.#random.once(2) ? 200 : SHORT_MS));
  }

  async kill(victims: readonly LocalNode[]): Promise<void> {
    for (const { pids } of victims) send(pids.manager, "SIGKILL");
    await this.#wait();
    await Promise.all(victims.map(({ name }) => this.#start(name)));
  }

  async freeze(victims: readonly LocalNode[]): Promise<void> {
    for (const { pids } of victims) send(pids.manager, "SIGSTOP");
    await this.#wait();
    for (const { pids } of victims) send(pids.manager, "SIGCONT");
  }

  /** What one group sends is lost; which of the two is drawn. */
  async cutOneWay(victim: LocalNode): Promise<void> {
    const isMute = this.#random.once(2);
    const [from, to] = isMute ? [victim.name, "rest"] : ["rest", victim.name];
    await this.cut(from, "/", to, "--one-way");
  }

  async cut(...words: readonly string[]): Promise<void> {
    await this.#cluster.skein("partition", ...words);
    await this.#wait();
    await this.#cluster.skein("heal");
  }

  async leader(): Promise<LocalNode> {
    // In the middle of an election somebody else will do.
    const found = await Promise.race([this.#cluster.leader(), pause(3000)]);
    return found ?? this.any();
  }

  any(): LocalNode {
    const [node] = this.some(1);
    if (node === undefined) throw new Error("there is no manager");
    return node;
  }

  some(count: number): readonly LocalNode[] {
    const nodes = [...this.#cluster.managers()];
    while (nodes.length > count) nodes.splice(this.#random.below(nodes.length), 1);
    return nodes;
  }

  get majority(): number {
    return Math.floor(this.#cluster.managers().length / 2) + 1;
  }

  /** The launcher may not have seen yet that the process ended: then it starts nothing. */
  async #start(name: string): Promise<void> {
    for (let tried = 0; tried < START_TRIES_MAX; tried += 1) {
      const said = await this.#cluster.tell("start", name);
      if (said.code === 0 && !/running already/.test(said.out)) return;
      this.#note(`start ${name}: ${said.err || said.out}`);
      await pause(500);
    }
  }

  #wait(): Promise<void> {
    return pause(this.#random.below(this.#random.once(3) ? LONG_MS : SHORT_MS));
  }

  #note(what: string): void {
    this.course.push(`${Math.round(performance.now() - this.#since)} ms: ${what}`);
  }
}

const ACTS: readonly (readonly [name: string, act: Act])[] = [
  [
    "leader killed",
    async function killLeader() {
      await this.kill([await this.leader()]);
    },
  ],
  [
    "manager killed",
    function killOne() {
      return this.kill([this.any()]);
    },
  ],
  [
    "majority killed",
    function killMost() {
      return this.kill(this.some(this.majority));
    },
  ],
  [
    "all managers killed",
    function killAll() {
      return this.kill(this.some(Number.MAX_SAFE_INTEGER));
    },
  ],
  [
    "leader frozen",
    async function freezeLeader() {
      await this.freeze([await this.leader()]);
    },
  ],
  [
    "manager frozen",
    function freezeOne() {
      return this.freeze([this.any()]);
    },
  ],
  [
    "majority frozen",
    function freezeMost() {
      return this.freeze(this.some(this.majority));
    },
  ],
  [
    "leader cut off",
    async function cutLeader() {
      await this.cut((await this.leader()).name, "/", "rest");
    },
  ],
  [
    "leader half cut off",
    async function halfCutLeader() {
      await this.cutOneWay(await this.leader());
    },
  ],
  [
    "manager half cut off",
    function halfCutOne() {
      return this.cutOneWay(this.any());
    },
  ],
  [
    "two cut off",
    function cutTwo() {
      return this.cut(...this.some(2).map(({ name }) => name), "/", "rest");
    },
  ],
];

function send(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, name);
  } catch {
    // It ended a moment ago by itself.
  }
}
