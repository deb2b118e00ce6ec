/** A store with a few nodes, services and obliging agents: what the tests of deciders act on. */
import { assert, must } from "@skein/common/assert";
import type { NodeId, ServiceId, TaskId } from "@skein/common/ids";
import { clusterId, logIndex, nodeId, serviceId, sessionId } from "@skein/common/ids";
import type { Node, NodeSpec } from "@skein/common/model/node";
import type { Service, ServiceSpec, TaskSpec } from "@skein/common/model/service";
import type { Slot, Task, TaskStatus } from "@skein/common/model/task";
import { slotKey } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { Result } from "@skein/common/result";
import type { StoreTime } from "@skein/common/time";
import { storeTime } from "@skein/common/time";
import type { Accepted, Command, Refusal } from "../store/command.ts";
import type { DecideContext, Decided, Decider } from "../store/decision.ts";
import { createStore } from "../store/store.ts";
import type { Change, ClusterView } from "../store/view.ts";
import { controllers } from "./controllers.ts";

/** More rounds than any settling cluster needs; beyond it the controllers chase each other. */
const ROUNDS_MAX = 200;

export interface ServiceShape extends Partial<Omit<ServiceSpec, "task">> {
  readonly replicas?: number;
  readonly task?: Partial<TaskSpec>;
}

export class SmallCluster {
  #store = createStore();
  #index = 0;
  #ids = 0;
  now: StoreTime = storeTime(1000);
  /** The leader's wall clock, less store time. */
  wallAhead = 5_000_000;
  changes: Change[] = [];

  constructor(taskHistoryLimit = 5) {
    this.#store.onChange((changes) => this.changes.push(...changes));
    const cluster = {
      id: clusterId("cluster"),
      name: "default",
      plane: "loopback" as const,
      taskPool: "10.64.0.0/16",
      taskHistoryLimit,
    };
    this.apply({ kind: "init-cluster", cluster, managers: [] });
  }

  get view(): ClusterView {
    return this.#store.view;
  }
  get context(): DecideContext {
    return { view: this.view, now: this.now, wall: this.wallAhead + this.now, newId: this.newId };
  }
  readonly newId = (): string => {
    this.#ids += 1;
    return `id${String(this.#ids).padStart(5, "0")}`;
  };

  apply(command: Command): void {
    const result = this.try(command);
    assert(result.ok, `${command.kind}: ${result.ok ? "" : result.error.message}`);
  }
  /** What may be refused. */
  try(command: Command): Result<Accepted, Refusal> {
    this.#index += 1;
    const envelope = { version: 1, time: this.now, wall: this.wallAhead + this.now, command };
    return this.#store.apply(logIndex(this.#index), envelope);
  }
  advance(milliseconds: number): void {
    this.now = storeTime(this.now + milliseconds);
  }

  /**
   * Another manager leads: it knows what a snapshot holds, and has counted time itself. When all of
   * them were restarted, store time begins with the last that was committed.
   */
  changeLeader(restarted = false): void {
    const next = createStore();
    const restored = next.restore(logIndex(this.#index), this.#store.snapshot());
    assert(restored.ok, "the snapshot restores");
    next.onChange((changes) => this.changes.push(...changes));
    this.#store = next;
    if (restarted) this.now = this.view.time;
  }

  join(
    name: string,
    options: Partial<NodeSpec> & { cpus?: number; session?: string } = {},
  ): NodeId {
    const { cpus = 4, session = "s1", labels, ...spec } = options;
    const id = nodeId(name);
    this.apply({
      kind: "join-node",
      nodeId: id,
      role: spec.role ?? "worker",
      name,
      availability: spec.availability ?? "active",
      description: description(name, cpus),
      session: sessionId(`${name}-${session}`),
    });
    if (labels !== undefined) this.setNode(name, { labels });
    return id;
  }
  node(name: string): Node {
    return must(this.view.nodes.get(nodeId(name)), name);
  }
  setNode(name: string, change: Partial<NodeSpec>): void {
    const { id, version, spec } = this.node(name);
    this.apply({ kind: "update-node", nodeId: id, version, spec: { ...spec, ...change } });
  }
  down(name: string, message = "silent for 3 s"): void {
    this.apply({ kind: "set-node-state", nodeId: nodeId(name), state: "down", message });
  }

  create(name: string, shape: ServiceShape = {}): ServiceId {
    const id = serviceId(name);
    this.apply({ kind: "create-service", serviceId: id, spec: serviceSpec(name, shape) });
    return id;
  }
  /** Changes the spec, as a client would: `task` is merged into the task spec. */
  change(name: string, shape: ServiceShape): void {
    const { id, version, spec } = this.service(name);
    const { replicas, task, ...rest } = shape;
    const mode = replicas === undefined ? spec.mode : ({ kind: "replicated", replicas } as const);
    const next: ServiceSpec = { ...spec, mode, ...rest, task: { ...spec.task, ...task } };
    this.apply({ kind: "update-service", serviceId: id, version, spec: next, rollback: false });
  }
  service(name: string): Service {
    return must(this.view.services.get(serviceId(name)), name);
  }

  slot(name: string, slot: number): Slot {
    return must(this.view.slots.get(slotKey(serviceId(name), slot)), `${name}.${slot}`);
  }
  /** The task its slot names. */
  task(name: string, slot: number): Task {
    const id = must(this.slot(name, slot).taskId, `task of ${name}.${slot}`);
    return must(this.view.tasks.get(id), id);
  }
  tasks(name: string): readonly Task[] {
    return this.view.tasksOfService(serviceId(name));
  }

  decide(decide: Decider): Decided {
    return decide(this.context);
  }
  /** Decides and applies; what it decided is returned. */
  run(decide: Decider): readonly Command[] {
    const { commands } = decide(this.context);
    for (const command of commands) this.apply(command);
    return commands;
  }
  /** Runs every controller until none decides anything more. */
  settle(): void {
    this.settleWithout("");
  }
  settleWithout(name: string): void {
    const running = controllers.filter((one) => one.name !== name);
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const decided = running.map(({ decide }) => this.run(decide).length);
      if (decided.every((count) => count === 0)) return;
    }
    assert(false, `not settled after ${ROUNDS_MAX} rounds`);
  }

  report(id: TaskId, status: Partial<TaskStatus> & Pick<TaskStatus, "state">): void {
    const task = must(this.view.tasks.get(id), id);
    const full: TaskStatus = { at: 0, message: "", ...status };
    const items = [{ taskId: id, status: full }];
    const node = must(task.nodeId, `node of ${id}`);
    this.apply({ kind: "report-tasks", nodeId: node, items });
  }
  /** Every agent of a working node does what it is asked to, in no time. */
  oblige(): void {
    for (const task of this.view.tasks.list()) {
      const { nodeId: on, desired, status } = task;
      if (on === undefined || isTerminal(status.state)) continue;
      if (this.view.nodes.get(on)?.status.state !== "ready") continue;
      if (desired === "shutdown" || desired === "remove") {
        this.report(task.id, { state: "shutdown" });
      } else if (desired === "running" && status.state !== "running") {
        this.report(task.id, { state: "running", inRotation: true });
      } else if (desired === "ready" && status.state === "assigned") {
        this.report(task.id, { state: "ready" });
      }
    }
  }
  /** Controllers and agents in turn, until neither has anything to do. */
  converge(): void {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const before = this.view.index;
      this.settle();
      this.oblige();
      if (this.view.index === before) return;
    }
    assert(false, `not converged after ${ROUNDS_MAX} rounds`);
  }

  /** "web.1 w1 running", with what is asked of it where that is something else. Oldest first. */
  describe(name: string): readonly string[] {
    return [...this.tasks(name)]
      .sort((a, b) => a.slot - b.slot || a.generation - b.generation)
      .map(({ slot, nodeId: on, status, desired }) => {
        const asked = desired === "running" ? "" : ` wanted=${desired}`;
        return `${name}.${slot} ${on ?? "-"} ${status.state}${asked}`;
      });
  }
}

export function taskSpec(shape: Partial<TaskSpec> = {}): TaskSpec {
  const process = { image: "host", command: [], args: ["sleep"], env: [], labels: {} };
  return { process, constraints: [], spread: [], forceUpdate: 0, ...shape };
}

export function serviceSpec(name: string, shape: ServiceShape): ServiceSpec {
  const { replicas = 1, task, ...rest } = shape;
  return {
    name,
    labels: {},
    task: taskSpec(task),
    mode: { kind: "replicated", replicas },
    endpointMode: "vip",
    ports: [],
    engine: "{}",
    ...rest,
  };
}

function description(name: string, cpus: number): Node["description"] {
  return {
    hostname: name,
    architecture: "x86_64",
    os: "linux",
    nanoCpus: cpus * 1_000_000_000,
    memoryBytes: 8 * 1024 ** 3,
    engineVersion: "1",
    address: "127.0.1.1",
    controlAddress: `${name}:7946`,
    dataAddress: `${name}:4789`,
    hostKey: "host",
  };
}
