/** Serf agents on loopback, when Serf is installed: the peer of gossip's time to see a kill. */
import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { pause, until } from "../../test/support/wait.ts";

const NETWORK = "127.99.0";
const PORT = 17_946;

export class SerfAgents {
  readonly version: string;
  readonly #agents: ChildProcess[] = [];
  readonly #joined: number[] = [];
  #killed = 0;
  readonly #failed = new Map<string, Map<number, number>>();

  private constructor(version: string) {
    this.version = version;
  }

  /** Undefined: not installed. Resolves when every agent knows every other. */
  static async start(count: number): Promise<SerfAgents | undefined> {
    const printed = spawnSync("serf", ["version"]).stdout?.toString() ?? "";
    const number = /^(?:Serf v)?(\d\S+)/.exec(printed)?.[1];
    if (number === undefined) return undefined;
    const agents = new SerfAgents(`serf ${number}`);
    for (let at = 0; at < count; at += 1) {
      agents.#begin(at);
      if (at === 0) await pause(1000);
    }
    await until(120_000, "all serf agents know each other", () =>
      agents.#joined.every((seen) => seen >= count),
    );
    return agents;
  }

  /** kill -9; milliseconds until each of the others said that it failed. */
  async kill(victim: number): Promise<readonly number[]> {
    const began = Date.now();
    this.#agents[victim]?.kill("SIGKILL");
    this.#killed += 1;
    const name = `a${victim}`;
    const others = this.#agents.length - this.#killed;
    await until(120_000, "all serf agents know", () => this.#failed.get(name)?.size === others);
    return [...(this.#failed.get(name) ?? new Map<number, number>()).values()].map(
      (at) => at - began,
    );
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents) agent.kill("SIGKILL");
    await pause(300);
  }

  #begin(at: number): void {
    const bind = `${NETWORK}.${at + 1}`;
    const join = at === 0 ? [] : [`-join=${NETWORK}.1:${PORT}`];
    const own = [`-node=a${at}`, `-bind=${bind}:${PORT}`, `-rpc-addr=${bind}:${PORT + 1}`];
    const agent = spawn("serf", ["agent", ...own, ...join, "-log-level=info"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#agents.push(agent);
    this.#joined.push(0);
    agent.stdout?.setEncoding("utf8").on("data", (text: string) => this.#read(at, text));
  }

  #read(at: number, text: string): void {
    for (const _ of text.matchAll(/EventMemberJoin: /g)) {
      this.#joined[at] = (this.#joined[at] ?? 0) + 1;
    }
    for (const [, name = ""] of text.matchAll(/EventMemberFailed: (\S+)/g)) {
      const seen = this.#failed.get(name) ?? new Map<number, number>();
      if (!seen.has(at)) seen.set(at, Date.now());
      this.#failed.set(name, seen);
    }
  }
}
