/** A small cluster, made by commands, that the tests of lists, references and problems look at. */
import {
  clusterId,
  configId,
  logIndex,
  nodeId,
  serviceId,
  sessionId,
  taskId,
} from "@skein/common/ids";
import type { ServiceSpec } from "@skein/common/model/service";
import type { TaskStatus } from "@skein/common/model/task";
import { storeTime } from "@skein/common/time";
import type { Command } from "../store/command.ts";
import type { Store } from "../store/store.ts";
import { createStore } from "../store/store.ts";

/**
 * Services web (2 replicas: t1 outdated and shut down, t2 running, t3 running with a warning but
 * asked for later), api (t4, pending) and gone (removed); nodes m1, w1 (zone a) and w2 (down).
 */
export function scene(): Store {
  const store = createStore();
  let index = 0;
  const apply = (command: Command): void => {
    index += 1;
    const envelope = { version: 1, time: storeTime(index), wall: 1_000_000 + index, command };
    const result = store.apply(logIndex(index), envelope);
    if (!result.ok) throw new Error(`${command.kind}: ${result.error.message}`);
  };
  for (const command of nodes()) apply(command);
  for (const command of services()) apply(command);
  for (const [id, service, slot] of [
    ["t1", "web1", 1],
    ["t4", "api1", 1],
  ] as const) {
    apply(fill(store, { id, service, slot }));
  }
  apply(assign("t1", "w1"));
  apply(report("w1", "t1", { state: "running", at: 1, message: "started" }));
  apply(update(store, "web1", { ...spec("web", "front"), task: task("2") }));
  apply(fill(store, { id: "t2", service: "web1", slot: 1 }));
  apply(fill(store, { id: "t3", service: "web1", slot: 2 }));
  apply({
    kind: "set-desired",
    items: [{ taskId: taskId("t1"), desired: "shutdown", reason: "replaced" }],
  });
  apply(assign("t2", "w1"));
  apply(assign("t3", "m1"));
  apply(report("w1", "t2", { state: "running", at: 1, message: "started" }));
  const warning = "web.2 listens on 0.0.0.0:8000, not on 10.65.0.5:3000";
  apply(report("m1", "t3", { state: "starting", at: 1, message: "starting", warning }));
  const error = "no suitable node (1 node not available)";
  apply({ kind: "explain-tasks", items: [{ taskId: taskId("t4"), error }] });
  apply({
    kind: "set-node-state",
    nodeId: nodeId("w2"),
    state: "down",
    message: "worker process ended",
  });
  return store;
}

function nodes(): readonly Command[] {
  const cluster = {
    id: clusterId("cluster0123456789"),
    name: "default",
    plane: "loopback",
    taskPool: "10.65.0.0/16",
    taskHistoryLimit: 5,
  } as const;
  return [
    { kind: "init-cluster", cluster, managers: [] },
    join("m1", "manager-1"),
    join("w1", "worker-1"),
    join("w2", "worker-2"),
    {
      kind: "update-node",
      nodeId: nodeId("w1"),
      version: 3,
      spec: { labels: { zone: "a" }, role: "worker", availability: "active" },
    },
  ];
}

function join(id: string, hostname: string): Command {
  const description = {
    hostname,
    architecture: "x86_64",
    os: "linux",
    nanoCpus: 1e9,
    memoryBytes: 1e9,
    engineVersion: "0.1.0",
    address: "127.0.1.1",
    controlAddress: "127.0.1.1:7946",
    dataAddress: "127.0.1.1:4789",
    hostKey: "one",
  };
  const manager = { raftId: "r1", address: "127.0.1.1:2377" };
  return {
    kind: "join-node",
    nodeId: nodeId(id),
    role: id === "m1" ? "manager" : "worker",
    name: hostname,
    availability: "active",
    description,
    session: sessionId(`s-${id}`),
    ...(id === "m1" ? { manager } : {}),
  };
}

function services(): readonly Command[] {
  const gone = serviceId("gone1");
  return [
    { kind: "create-service", serviceId: serviceId("web1"), spec: spec("web", "front") },
    { kind: "create-service", serviceId: serviceId("api1"), spec: spec("api", "back") },
    { kind: "create-service", serviceId: gone, spec: spec("gone", "back") },
    { kind: "remove-service", serviceId: gone },
    {
      kind: "create-config",
      configId: configId("c1"),
      spec: { name: "cf", labels: {}, data: Uint8Array.of(1) },
    },
  ];
}

function spec(name: string, tier: string): ServiceSpec {
  return {
    name,
    labels: { tier },
    task: task("1"),
    mode: { kind: "replicated", replicas: 2 },
    endpointMode: "vip",
    ports: [],
    engine: "{}",
  };
}

function task(argument: string): ServiceSpec["task"] {
  const process = { image: "host", command: [], args: [argument], env: [], labels: {} };
  return { process, constraints: [], spread: [], forceUpdate: 0 };
}

function update(store: Store, id: string, next: ServiceSpec): Command {
  const version = store.view.services.get(serviceId(id))?.version ?? 0;
  return {
    kind: "update-service",
    serviceId: serviceId(id),
    version,
    spec: next,
    rollback: false,
  };
}

interface Fill {
  readonly id: string;
  readonly service: string;
  readonly slot: number;
}

function fill(store: Store, { id, service, slot }: Fill): Command {
  const row = store.view.services.get(serviceId(service));
  const known = store.view.slotsOfService(serviceId(service)).find((one) => one.slot === slot);
  return {
    kind: "fill-slots",
    serviceId: serviceId(service),
    items: [
      {
        slot,
        generation: known?.generation ?? 0,
        taskId: taskId(id),
        taskIndex: row?.taskIndex ?? 0,
        desired: "running",
        failures: 0,
      },
    ],
  };
}

function assign(id: string, node: string): Command {
  return { kind: "assign-tasks", items: [{ taskId: taskId(id), nodeId: nodeId(node) }] };
}

function report(node: string, id: string, status: TaskStatus): Command {
  return { kind: "report-tasks", nodeId: nodeId(node), items: [{ taskId: taskId(id), status }] };
}
