/** For tests only: short ways to commands, and a cluster to apply them to. */
import {
  clusterId,
  configId,
  logIndex,
  nodeId,
  serviceId,
  sessionId,
  taskId,
} from "@skein/common/ids";
import type { NodeDescription } from "@skein/common/model/node";
import type { ServiceSpec } from "@skein/common/model/service";
import type { TaskState } from "@skein/common/model/task-state";
import type { Result } from "@skein/common/result";
import type { Accepted, Command, CommandOf, Envelope, Refusal } from "./command.ts";
import type { Store } from "./store.ts";
import { createStore } from "./store.ts";
import type { Change } from "./view.ts";

export type FillItem = CommandOf<"fill-slots">["items"][number];

/** A store with the next log index at hand. */
export interface Bench {
  readonly store: Store;
  readonly changes: Change[];
  run(command: Command, envelope?: Partial<Envelope>): Result<Accepted, Refusal>;
  /** The code of a refusal, or "accepted" with what was skipped. */
  say(command: Command, envelope?: Partial<Envelope>): string;
}

export function createBench(store = createStore()): Bench {
  const changes: Change[] = [];
  store.onChange((some) => changes.push(...some));
  const run = (command: Command, envelope: Partial<Envelope> = {}) => {
    const index = logIndex(store.view.index + 1);
    return store.apply(index, {
      version: 1,
      time: index,
      wall: 1000 + index,
      command,
      ...envelope,
    });
  };
  const say = (command: Command, envelope?: Partial<Envelope>) => {
    const result = run(command, envelope);
    if (!result.ok) return `${result.error.code}: ${result.error.message}`;
    const skipped = result.value.skipped.map(({ item, reason }) => `${item}: ${reason}`);
    return ["accepted", ...skipped].join("; ");
  };
  return { store, changes, run, say };
}

/** A cluster of the manager m1 and the ready worker n1. */
export function createCluster(taskPool = "10.65.0.0/16"): Bench {
  const bench = createBench();
  bench.run(initCluster(taskPool));
  bench.run(joinNode("n1"));
  return bench;
}

export function initCluster(taskPool = "10.65.0.0/16"): CommandOf<"init-cluster"> {
  return {
    kind: "init-cluster",
    cluster: {
      id: clusterId("c1"),
      name: "default",
      plane: "loopback",
      taskPool,
      taskHistoryLimit: 5,
    },
    managers: [
      { nodeId: nodeId("m1"), raftId: "r1", name: "manager-1", address: "127.0.1.1:2377" },
    ],
  };
}

export function joinNode(name: string, session = `s-${name}`): CommandOf<"join-node"> {
  return {
    kind: "join-node",
    nodeId: nodeId(name),
    role: "worker",
    name,
    availability: "active",
    description: describeNode(name),
    session: sessionId(session),
  };
}

export function describeNode(hostname: string): NodeDescription {
  return {
    hostname,
    architecture: "x86_64",
    os: "linux",
    nanoCpus: 2_000_000_000,
    memoryBytes: 1_000_000_000,
    engineVersion: "0.1.0",
    address: "127.0.1.4",
    controlAddress: "127.0.1.4:7946",
    dataAddress: "127.0.1.4:4789",
    hostKey: "boot",
  };
}

export function setNodeState(
  name: string,
  state: "down" | "ready" | "unknown",
  session?: string,
): CommandOf<"set-node-state"> {
  const judged = session === undefined ? {} : { session: sessionId(session) };
  return { kind: "set-node-state", nodeId: nodeId(name), state, message: "test", ...judged };
}

export function serviceSpec(name: string, change: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name,
    labels: {},
    task: {
      process: { image: "host", command: ["node"], args: [], env: [], labels: {} },
      constraints: [],
      spread: [],
      forceUpdate: 0,
    },
    mode: { kind: "replicated", replicas: 1 },
    endpointMode: "vip",
    ports: [],
    engine: "{}",
    ...change,
  };
}

export function port(publishedPort: number, targetPort = 3000): ServiceSpec["ports"][number] {
  return { protocol: "tcp", targetPort, publishedPort, mode: "ingress" };
}

export function createService(
  id: string,
  spec: ServiceSpec = serviceSpec(id),
): CommandOf<"create-service"> {
  return { kind: "create-service", serviceId: serviceId(id), spec };
}

export function updateService(
  id: string,
  version: number,
  spec: ServiceSpec,
): CommandOf<"update-service"> {
  return { kind: "update-service", serviceId: serviceId(id), version, spec, rollback: false };
}

/** Items for the service as it is now, into slots that the store knows or does not. */
export function fillSlots(
  { view }: Store,
  service: string,
  tasks: Readonly<Record<number, string>>,
): CommandOf<"fill-slots"> {
  const id = serviceId(service);
  const { taskIndex = 0 } = view.services.get(id) ?? {};
  const items = Object.entries(tasks).map(([key, task]): FillItem => {
    const slot = Number(key);
    const generation = view.slots.get(`${service}.${slot}`)?.generation ?? 0;
    return { slot, generation, taskId: taskId(task), taskIndex, desired: "running", failures: 0 };
  });
  return { kind: "fill-slots", serviceId: id, items };
}

export function assign(task: string, node: string): CommandOf<"assign-tasks"> {
  return { kind: "assign-tasks", items: [{ taskId: taskId(task), nodeId: nodeId(node) }] };
}

export function report(task: string, node: string, state: TaskState): CommandOf<"report-tasks"> {
  const status = { state, at: 1, message: state };
  return { kind: "report-tasks", nodeId: nodeId(node), items: [{ taskId: taskId(task), status }] };
}

export function setDesired(
  task: string,
  desired: "ready" | "running" | "shutdown" | "remove",
): CommandOf<"set-desired"> {
  return { kind: "set-desired", items: [{ taskId: taskId(task), desired, reason: "test" }] };
}

export function createConfig(id: string, name = id): CommandOf<"create-config"> {
  const spec = { name, labels: {}, data: new Uint8Array([1, 2, 3]) };
  return { kind: "create-config", configId: configId(id), spec };
}

/** Whoever writes to a row of the store after this throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
