/** Replicated writes as fast as managers take them, and what became of each. */
import { textAt } from "@skein/cli/api/read";
import type { LocalCluster, LocalNode } from "../../support/local-cluster.ts";
import { pause } from "../../support/wait.ts";

const WRITERS = 6;

/** Configs created as fast as managers take them, each name once; what they answered. */
export class Writes {
  readonly acknowledged: string[] = [];
  /** Answered with an error that says nothing was done. */
  readonly refused: string[] = [];
  readonly #cluster: LocalCluster;
  readonly #name: string;
  readonly #targets: readonly LocalNode[];
  readonly #writers: readonly Promise<void>[];
  #written = 0;
  #stopped = false;

  constructor(cluster: LocalCluster, name: string, only?: LocalNode) {
    this.#cluster = cluster;
    this.#name = name;
    this.#targets = only === undefined ? cluster.managers() : [only];
    this.#writers = Array.from({ length: WRITERS }, (_, at) => this.#write(at));
  }

  async stop(): Promise<readonly string[]> {
    this.#stopped = true;
    await Promise.all(this.#writers);
    return this.acknowledged;
  }

  /** One more write; true if it was acknowledged. */
  async one(node?: LocalNode): Promise<boolean> {
    this.#written += 1;
    const name = `${this.#name}-${this.#written}`;
    const answer = await this.#cluster.writeConfig(name, node).catch(() => undefined);
    if (answer?.status === 201) this.acknowledged.push(name);
    const text = String(answer?.message);
    if (answer !== undefined && answer.status !== 201 && !/outcome unknown/i.test(text)) {
      this.refused.push(name);
    }
    return answer?.status === 201;
  }

  async #write(at: number): Promise<void> {
    while (!this.#stopped) {
      const ok = await this.one(this.#targets[at % this.#targets.length]);
      if (!ok) await pause(50);
    }
  }
}

export async function configNames(cluster: LocalCluster): Promise<ReadonlySet<string>> {
  const configs = await cluster.get("/configs");
  return new Set(configs.map((config) => textAt(config, "Spec", "Name")));
}
