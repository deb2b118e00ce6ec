/**
 * Placement and reconciliation on a store alone: 5,000 nodes, one core, no network and no disk.
 * `placements`: what the scheduler decides per second of its own processor time, and with the
 * commands applied. `reconcile`: one run of every controller after one task has changed, by the
 * number of tasks there are: what a change costs a leader.
 */
import { clusterId, logIndex, nodeId, serviceId, sessionId } from "@skein/common/ids";
import type { ServiceSpec, TaskSpec } from "@skein/common/model/service";
import { storeTime } from "@skein/common/time";
import { controllers } from "@skein/manager/orchestrator/controllers";
import { schedule } from "@skein/manager/scheduler/schedule";
import type { Command } from "@skein/manager/store/command";
import type { Decider } from "@skein/manager/store/decision";
import { createStore } from "@skein/manager/store/store";

const NODES = 5000;

class Yard {
  readonly #store = createStore();
  #index = 0;
  #ids = 0;
  now = 1000;

  constructor(nodes: number) {
    const cluster = {
      id: clusterId("c"),
      name: "default",
      plane: "loopback" as const,
      taskPool: "10.64.0.0/10",
      taskHistoryLimit: 5,
    };
    this.apply({ kind: "init-cluster", cluster, managers: [] });
    for (let index = 0; index < nodes; index += 1) this.#join(index);
  }

  get view() {
    return this.#store.view;
  }

  apply(command: Command): void {
    this.#index += 1;
    const envelope = { version: 1, time: this.now, wall: 5_000_000 + this.now, command };
    const result = this.#store.apply(logIndex(this.#index), envelope);
    if (!result.ok) throw new Error(result.error.message);
  }

  decide(decide: Decider): readonly Command[] {
    const newId = (): string => {
      this.#ids += 1;
      return `t${String(this.#ids).padStart(7, "0")}`;
    };
    return decide({ view: this.view, now: storeTime(this.now), wall: 0, newId }).commands;
  }

  create(name: string, replicas: number, task: Partial<TaskSpec> = {}): void {
    this.apply({
      kind: "create-service",
      serviceId: serviceId(name),
      spec: spec(name, { replicas, task }),
    });
  }

  /** Every assigned task runs. */
  oblige(): void {
    for (const node of this.view.nodes.list()) {
      const items = this.view
        .tasksOfNode(node.id)
        .filter(({ status }) => status.state === "assigned")
        .map(({ id }) => ({
          taskId: id,
          status: { state: "running", at: 0, message: "started", inRotation: true } as const,
        }));
      if (items.length > 0) this.apply({ kind: "report-tasks", nodeId: node.id, items });
    }
  }

  /** Every controller but the scheduler, until none decides anything. */
  settle(): void {
    for (;;) {
      const commands = controllers.flatMap(({ name, decide }) =>
        name === "scheduler" ? [] : this.decide(decide),
      );
      for (const command of commands) this.apply(command);
      if (commands.length === 0) return;
    }
  }

  #join(index: number): void {
    const name = `n${String(index).padStart(5, "0")}`;
    const id = nodeId(name);
    const description = {
      hostname: name,
      architecture: "x86_64",
      os: "linux",
      nanoCpus: 64e9,
      memoryBytes: 256 * 1024 ** 3,
      engineVersion: "1",
      address: "10.0.0.1",
      controlAddress: `${name}:1`,
      dataAddress: `${name}:2`,
      hostKey: name,
    };
    const base = { nodeId: id, role: "worker", name, availability: "active" } as const;
    this.apply({ kind: "join-node", ...base, description, session: sessionId(name) });
    const labels = { zone: `z${index % 5}`, disk: index % 2 === 0 ? "ssd" : "hdd" };
    const version = this.view.nodes.get(id)?.version ?? 0;
    const nodeSpec = { labels, role: "worker", availability: "active" } as const;
    this.apply({ kind: "update-node", nodeId: id, version, spec: nodeSpec });
  }
}

function spec(
  name: string,
  { replicas, task }: { readonly replicas: number; readonly task: Partial<TaskSpec> },
): ServiceSpec {
  const process = { image: "host", command: ["x"], args: [], env: [], labels: {} };
  return {
    name,
    labels: {},
    task: { process, constraints: [], spread: [], forceUpdate: 0, ...task },
    mode: { kind: "replicated", replicas },
    endpointMode: "vip",
    ports: [],
    engine: "{}",
  };
}

/** Milliseconds of processor time. */
function cpuMs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

export function benchSchedule(): Promise<void> {
  const shapes = [
    { name: "no constraints", services: 10, task: {} },
    {
      name: "two constraints, spread, reservations",
      services: 10,
      task: {
        constraints: ["node.labels.disk==ssd", "node.role==worker"],
        spread: ["zone"],
        reservedNanoCpus: 1_000_000,
        reservedMemoryBytes: 1_000_000,
      },
    },
    { name: "2,000 services of one task", services: 2000, task: {} },
  ];
  for (const shape of shapes) placements(shape);
  for (const tasks of [1000, 10_000, 100_000]) reconcile(tasks);
  return Promise.resolve();
}

interface Shape {
  readonly name: string;
  readonly services: number;
  readonly task: Partial<TaskSpec>;
}

function placements({ name, services, task }: Shape): void {
  const yard = new Yard(NODES);
  const total = services > 100 ? services : 50_000;
  const each = Math.min(10_000, total / services);
  for (let index = 0; index < services; index += 1) yard.create(`s${index}`, each, task);
  yard.settle();
  let decideMs = 0;
  let applyMs = 0;
  let placed = 0;
  let longestMs = 0;
  for (;;) {
    let commands: readonly Command[] = [];
    const ms = cpuMs(() => {
      commands = yard.decide(schedule);
    });
    decideMs += ms;
    longestMs = Math.max(longestMs, ms);
    if (commands.length === 0) break;
    for (const one of commands) if (one.kind === "assign-tasks") placed += one.items.length;
    applyMs += cpuMs(() => {
      for (const command of commands) yard.apply(command);
    });
  }
  const figure = (what: string, unit: string, ours: number, better: "higher" | "lower"): void =>
    report(`${name}: ${what}`, { unit, ours, better });
  figure("decided", "placements/s", Math.round((placed * 1000) / decideMs), "higher");
  const both = Math.round((placed * 1000) / (decideMs + applyMs));
  figure("decided and applied", "placements/s", both, "higher");
  figure("longest run", "ms", Math.round(longestMs), "lower");
}

/** One task of so many fails: what each controller costs then, after the lists are warm. */
function reconcile(tasks: number): void {
  const yard = new Yard(NODES);
  for (let index = 0; index < tasks / 1000; index += 1) yard.create(`s${index}`, 1000);
  yard.settle();
  for (
    let commands = yard.decide(schedule);
    commands.length > 0;
    commands = yard.decide(schedule)
  ) {
    for (const command of commands) yard.apply(command);
  }
  yard.oblige();
  yard.settle();
  const [task] = yard.view.tasksOfService(serviceId("s0"));
  if (task?.nodeId === undefined) return;
  const status = { state: "failed", at: 0, message: "", error: "x" } as const;
  const items = [{ taskId: task.id, status }];
  yard.apply({ kind: "report-tasks", nodeId: task.nodeId, items });
  let all = 0;
  const slow: string[] = [];
  for (const { name, decide } of controllers) {
    const times = [0, 1, 2].map(() => cpuMs(() => void yard.decide(decide)));
    const ms = Math.min(...times);
    all += ms;
    if (ms >= 1) slow.push(`${name} ${ms.toFixed(1)}`);
  }
  const ours = Math.round(all * 10) / 10;
  const what = `one run of all controllers, ${tasks} tasks, one changed`;
  report(what, { unit: "ms", ours, better: "lower", detail: slow.join(", ") });
  const heapMb = Math.round(process.memoryUsage().heapUsed / 1048576);
  report(`heap with ${tasks} tasks`, { unit: "MB", ours: heapMb, better: "lower" });
}

interface Figure {
  readonly unit: string;
  readonly ours: number;
  readonly better: "higher" | "lower";
  readonly detail?: string;
}

function report(name: string, figure: Figure): void {
  const line = { bench: "schedule", case: name, ...figure, peer: null, ratio: null };
  console.log(JSON.stringify(line));
}
