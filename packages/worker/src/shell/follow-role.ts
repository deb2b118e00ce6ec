/**
 * The role of this node changed: its certificate says so by now. Writes `node.json` and starts, or
 * stops, the manager process beside the worker; what the manager does in the cluster then is the
 * membership's business (docs/design/membership.md).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "@skein/common/io/log";
import type { NodeConfig } from "@skein/common/model/node-config";
import { nodeConfigSchema } from "@skein/common/model/node-config";
import { decodeWith } from "@skein/common/wire/schema";
import { writeNodeConfig } from "./enter-cluster.ts";
import { ManagerChild } from "./manager-child.ts";

export interface RoleFollowerOptions {
  readonly stateDir: string;
  readonly log: Log;
  /** The manager was asked to take this node out of its cluster. */
  readonly leave: () => void;
  /** Whether this process is to serve the node's API socket: a manager process does it else. */
  readonly serve: (isWorker: boolean) => Promise<void>;
}

export class RoleFollower {
  readonly #options: RoleFollowerOptions;
  #manager: ManagerChild | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: RoleFollowerOptions) {
    this.#options = options;
  }

  /** At the start of the node; undefined when a manager serves, else why not. */
  begin(config: NodeConfig): Promise<string | undefined> {
    // The launcher of a local cluster starts its first managers itself: only those have members.
    const isOurs = config.role === "manager" && !(config.local && config.bootstrap !== undefined);
    return isOurs ? this.#startManager() : Promise.resolve(undefined);
  }

  /** One change after the other, in the order in which they came. */
  follow(role: NodeConfig["role"]): void {
    this.#turn = this.#turn
      .then(() => this.#follow(role))
      .catch((error: unknown) => {
        this.#options.log.write("error", "role not followed", { role, error: String(error) });
      });
  }

  async stop(): Promise<void> {
    await this.#turn;
    await this.#manager?.stop();
  }

  async #follow(role: NodeConfig["role"]): Promise<void> {
    const { stateDir, log, serve } = this.#options;
    const config = this.#readConfig();
    if (config === undefined || config.role === role) return;
    // A member's id and the first configuration are a former membership's.
    const { raftId: _raftId, bootstrap: _bootstrap, ...kept } = config;
    writeNodeConfig(stateDir, { ...kept, role });
    log.write("info", "role changed", { role });
    if (role === "manager") {
      const failed = await this.#startManager();
      if (failed === undefined) return serve(false);
      log.write("error", "manager process not started", { error: failed });
      return;
    }
    await this.#manager?.stop();
    this.#manager = undefined;
    await serve(true);
  }

  #startManager(): Promise<string | undefined> {
    const { stateDir, log, leave } = this.#options;
    this.#manager = new ManagerChild({ stateDir, log, leave });
    return this.#manager.start();
  }

  #readConfig(): NodeConfig | undefined {
    const text = readFileSync(join(this.#options.stateDir, "node.json"), "utf8");
    const config = decodeWith(nodeConfigSchema, JSON.parse(text));
    return config.ok ? config.value : undefined;
  }
}
