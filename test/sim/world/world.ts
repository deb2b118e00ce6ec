/**
 * A whole cluster in one process: managers and workers run their real code over simulated ports,
 * under one virtual clock and from one seed. A run is a function of its seed and options; `trace`
 * is its printed form.
 */
import { assert } from "@skein/common/assert";
import { clusterId, nodeId, raftId, requestId } from "@skein/common/ids";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { Result } from "@skein/common/result";
import type { Outcome } from "@skein/manager/shell/outcome";
import type { Committed } from "@skein/manager/shell/proposals";
import type { Command } from "@skein/manager/store/command";
import type { ClientNode, ClientWorld } from "../clients/server.ts";
import { SimClock } from "../sim-clock.ts";
import { SimNetwork } from "../sim-network.ts";
import { SimRandom } from "../sim-random.ts";
import { configNode } from "./config-server.ts";
import { RaftChecks } from "./raft-checks.ts";
import { SimNode } from "./sim-node.ts";
import { WatchChecks } from "./watch-checks.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly managers: number;
  readonly workers: number;
}

export class World implements ClientWorld {
  readonly clock = new SimClock();
  readonly random: SimRandom;
  readonly network: SimNetwork;
  readonly nodes: readonly SimNode[];
  readonly clientNodes: readonly ClientNode[];
  readonly trace: string[] = [];
  readonly raft = new RaftChecks();
  readonly watches = new WatchChecks();
  /** What the managers counted, by metric. */
  readonly counted = new Map<string, number>();
  #requests = 0;

  constructor(options: WorldOptions) {
    this.random = new SimRandom(options.seed);
    this.network = new SimNetwork({ clock: this.clock, random: this.random });
    const id = clusterId("simulated");
    this.nodes = layOut(options).map(
      (config) =>
        new SimNode({
          config,
          clusterId: id,
          clock: this.clock,
          network: this.network,
          random: this.random.fork(config.name),
          note: (line) => this.note(line),
          createRaft: this.raft.create,
          managerMade: (name, manager) => this.watches.follow(name, manager),
          count: (name, by) => this.counted.set(name, (this.counted.get(name) ?? 0) + by),
        }),
    );
    this.clientNodes = this.managers.map((node) => configNode(node, () => this.managers));
  }

  get managers(): readonly SimNode[] {
    return this.nodes.filter((node) => node.config.role === "manager");
  }

  get workers(): readonly SimNode[] {
    return this.nodes.filter((node) => node.config.role === "worker");
  }

  note(line: string): void {
    this.trace.push(`${this.clock.now()} ${line}`);
  }

  start(): void {
    for (const node of this.nodes) node.startAll();
  }

  /** A manager that is leader and ready, if there is one that is not stopped. */
  leader(): SimNode | undefined {
    const leaders = this.managers.filter((node) => node.liveManager?.status().ready === true);
    const term = (node: SimNode): number => node.manager?.status().raft.term ?? 0;
    return leaders.toSorted((a, b) => term(b) - term(a))[0];
  }

  /** The configuration is settled, and the manager of every node is a voter as it is now. */
  everyManagerVotes(): boolean {
    const raft = this.leader()?.manager?.status().raft;
    if (raft === undefined || raft.configurationIndex > raft.commit) return false;
    const { voters, outgoing } = raft.configuration;
    const ids = this.managers.flatMap((node) => node.raftId ?? []);
    return (
      outgoing === undefined &&
      ids.length === voters.length &&
      ids.every((id) => voters.includes(id))
    );
  }

  run(milliseconds: number): void {
    this.clock.runFor(milliseconds);
  }

  /** Runs until `done` holds; fails with `what` after `limitMs` of virtual time. */
  until(what: string, limitMs: number, done: () => boolean): void {
    const reached = this.clock.runWhileNot(done, limitMs);
    assert(reached, `${what}: not within ${limitMs} ms of virtual time`);
    this.note(what);
  }

  /** One try at whoever leads now; the answer comes later, or never if that manager dies. */
  propose(command: Command, done: (result: Result<Committed, Outcome>) => void): boolean {
    const manager = this.leader()?.manager;
    if (manager === undefined) return false;
    this.#requests += 1;
    manager.propose(command, requestId(`request-${this.#requests}`), done);
    return true;
  }

  /** Writes until acknowledged; retries carry new ids, so a command must be idempotent by name. */
  write(command: Command, limitMs = 20_000): void {
    let state: "idle" | "waiting" | "done" = "idle";
    let refusal = "";
    const again = (): void => {
      if (state !== "idle") return;
      state = "waiting";
      const sent = this.propose(command, (result) => {
        state = result.ok || isFinal(result.error) ? "done" : "idle";
        if (!result.ok) refusal = result.error.code;
      });
      if (!sent) state = "idle";
    };
    const tick = (): void => {
      again();
      if (state !== "done") this.clock.after(50, tick);
    };
    tick();
    this.until(`wrote ${command.kind} ${refusal}`, limitMs, () => state === "done");
  }
}

/** A refusal by the store is an answer; anything else is tried again. */
function isFinal(outcome: Outcome): boolean {
  const { code } = outcome;
  const retried = ["not-leader", "no-leader", "no-quorum", "overloaded", "outcome-unknown"];
  return !retried.includes(code) && code !== "stopping";
}

function layOut(options: WorldOptions): readonly NodeConfig[] {
  const count = options.managers + options.workers;
  const nodes = Array.from({ length: count }, (_, at) => {
    const isManager = at < options.managers;
    const name = isManager ? `manager-${at + 1}` : `worker-${at + 1 - options.managers}`;
    return { name, role: isManager ? ("manager" as const) : ("worker" as const), at };
  });
  const members = nodes
    .filter((node) => node.role === "manager")
    .map((node) => ({
      raftId: raftId(`raft-${node.at + 1}`),
      nodeId: nodeId(`node-${node.name}`),
      address: `10.0.0.${node.at + 1}:2377`,
    }));
  return nodes.map(({ name, role, at }) => {
    const id = nodeId(`node-${name}`);
    const member = members.find((one) => one.nodeId === id);
    const base: NodeConfig = {
      schema: 1,
      clusterId: clusterId("simulated"),
      clusterName: "sim",
      nodeId: id,
      name,
      role,
      availability: role === "manager" ? "drain" : "active",
      address: `10.0.0.${at + 1}`,
      managerPort: 2377,
      controlPort: 7946,
      dataPort: 4789,
      apiSocket: "/none",
      plane: "loopback",
      taskPool: "10.65.0.0/16",
      managers: members.map((one) => one.address),
      local: false,
    };
    return member === undefined ? base : { ...base, raftId: member.raftId, bootstrap: members };
  });
}
