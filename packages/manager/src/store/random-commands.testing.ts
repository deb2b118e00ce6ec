/**
 * For tests only: random commands. Ids come from small sets, so that commands meet; what a command
 * names as read (version, generation, index) is what the state says, or off by a little, as drawn.
 */

import type { TaskId } from "@skein/common/ids";
import {
  configId,
  networkId,
  nodeId,
  requestId,
  serviceId,
  sessionId,
  stackId,
  taskId,
} from "@skein/common/ids";
import type { ServiceMode, ServiceSpec, UpdateConfig } from "@skein/common/model/service";
import type { TaskState } from "@skein/common/model/task-state";
import { DESIRED_STATES, TASK_STATES } from "@skein/common/model/task-state";
import fc from "fast-check";
import type { Command, CommandOf, Envelope } from "./command.ts";
import { certified, TRUST_MAKERS, trust } from "./random-trust.testing.ts";
import { initCluster, port, serviceSpec } from "./testing.ts";
import type { ClusterView } from "./view.ts";

const small = fc.nat({ max: 23 });
const offByLittle = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: -2, max: 2 }) },
  { weight: 1, arbitrary: fc.constant(Number.MAX_SAFE_INTEGER) },
);

export const drawArbitrary = fc.record({
  kind: fc.nat(),
  a: small,
  b: small,
  items: fc.array(fc.record({ a: small, b: small, off: offByLittle }), { maxLength: 6 }),
  off: offByLittle,
  flag: fc.boolean(),
  request: fc.oneof(
    { weight: 9, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.nat({ max: 9 }) },
  ),
  time: fc.nat({ max: 500 }),
  version: fc.oneof(
    { weight: 40, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.nat({ max: 3 }) },
  ),
});
export type Draw = typeof drawArbitrary extends fc.Arbitrary<infer T> ? T : never;
type StackStep = CommandOf<"write-stack">["steps"][number];
type Maker = (view: ClusterView, draw: Draw) => Command;

const NAMES = ["web", "__proto__", "", "constructor", "10", "ünï"];
const TEXTS = ["a", "b", ""];
// The keys of a constant record of exactly these states.
const STATES = Object.keys(TASK_STATES) as TaskState[];

const node = (n: number) => nodeId(`n${n % 3}`);
const service = (n: number) => serviceId(`s${n % 4}`);
const config = (n: number) => configId(`f${n % 3}`);
const network = (n: number) => networkId(`w${n % 3}`);
const pick = <T>(values: readonly T[], n: number, other: T): T =>
  values[n % values.length] ?? other;
const near = (value: number | undefined, off: number) =>
  Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, (value ?? 0) + off));

/** Mostly a task there is. */
function task(view: ClusterView, n: number): TaskId {
  const tasks = view.tasks.list();
  return (n % 8 === 7 ? undefined : tasks[n % Math.max(1, tasks.length)]?.id) ?? taskId(`t${n}`);
}

const SCHEDULE = { cron: "@hourly", missed: "latest", overlap: "skip" } as const;
const BLUE_GREEN: UpdateConfig = {
  ...{ parallelism: 1, delayMs: 0, monitorMs: 1, maxFailureRatioMilli: 0 },
  ...{ failureAction: "pause", order: "blue-green" },
};
const MODES: readonly ServiceMode[] = [
  { kind: "replicated", replicas: 2 },
  { kind: "replicated", replicas: 3 },
  { kind: "replicated-job", completions: 3, concurrent: 1, schedule: SCHEDULE },
  { kind: "global" },
];

function spec(n: number, name: string) {
  const wishes = [0, 1, 2].slice(n % 3).map((one) => ({ networkId: network(one), aliases: [] }));
  const task = {
    ...serviceSpec(name).task,
    forceUpdate: n % 2,
    spread: TEXTS.slice(n % 3),
    ...(n % 4 === 1 ? { networks: wishes } : {}),
  };
  const ports = [
    port(0, 1),
    port(30_000 + (n % 3), 2),
    { ...port(0, 3), protocol: "udp" as const },
  ];
  const host = { ...port(30_001, 4), mode: "host" as const };
  const labels = Object.fromEntries(NAMES.slice(n % 5).map((key) => [key, `${n}`]));
  return serviceSpec(name, {
    task,
    labels,
    ports: n % 5 === 4 ? [host] : ports.slice(0, n % 4),
    mode: pick(MODES, n, { kind: "replicated", replicas: n }),
    endpointMode: n % 8 === 5 ? "dnsrr" : "vip",
    ...(n % 2 === 1 ? {} : { update: BLUE_GREEN }),
  });
}

/** One maker for each kind, some twice: what makes state interesting comes often. */
const MAKERS: readonly Maker[] = [
  (_view, { flag }) => initCluster(flag ? "10.65.0.0/29" : "10.65.0.0/20"),
  (view, { a, b, flag }) => ({
    kind: "join-node",
    nodeId: a % 6 === 5 ? nodeId("m1") : node(a),
    role: flag ? "manager" : "worker",
    name: pick(NAMES, b, ""),
    availability: "active",
    description: certified(view, { a, b }),
    session: sessionId(`x${b % 2}`),
  }),
  (_view, { a, b, flag }) => ({
    kind: "set-node-state",
    nodeId: node(a),
    state: pick(["down", "ready", "unknown"] as const, b, "ready"),
    message: "",
    ...(flag ? { session: sessionId(`x${b % 2}`) } : {}),
  }),
  (view, { a, b, off }) => ({
    kind: "update-node",
    nodeId: node(a),
    version: near(view.nodes.get(node(a))?.version, off),
    spec: {
      labels: { zone: pick(NAMES, b, "") },
      role: b % 3 === 0 ? "manager" : "worker",
      availability: b % 4 === 0 ? "drain" : "active",
    },
  }),
  registerManager,
  registerManager,
  unregisterManager,
  unregisterManager,
  (_view, { a, flag }) => ({ kind: "remove-node", nodeId: node(a), force: flag }),
  (_view, { a, b, flag }) => ({
    kind: "admit-node",
    nodeId: node(a),
    role: flag ? "manager" : "worker",
    name: pick(NAMES, b, ""),
    address: "",
    availability: "active",
  }),
  (view, { a, b, off }) => ({
    kind: "set-trust",
    specIndex: near(view.cluster?.specIndex, off),
    labels: { zone: pick(NAMES, b, "") },
    taskHistoryLimit: 5,
    trust: trust(a),
  }),
  (_view, { a, b }) => ({
    kind: "create-service",
    serviceId: service(a),
    spec: spec(b, pick(NAMES, a, "")),
  }),
  (view, { a, b, off, flag }) => ({
    kind: "update-service",
    serviceId: service(a),
    version: near(view.services.get(service(a))?.version, off),
    spec: changed(spec(b, view.services.get(service(a))?.spec.name ?? ""), view, a),
    rollback: flag,
  }),
  (_view, { a }) => ({ kind: "remove-service", serviceId: service(a) }),
  runJob,
  runJob,
  forgetService,
  setUpdateStatus,
  setUpdateStatus,
  fillSlots,
  fillSlots,
  fillSlots,
  (view, { a, items }) => ({
    kind: "remove-slots",
    serviceId: service(a),
    items: items.slice(0, 2).map((item) => ({
      slot: item.a % 4,
      generation: near(view.slots.get(`${service(a)}.${item.a % 4}`)?.generation, item.off),
    })),
  }),
  (view, { items }) => ({
    kind: "set-desired",
    items: items.map((item) => ({
      taskId: task(view, item.a),
      desired: pick(DESIRED_STATES, item.b, "running"),
      reason: pick(TEXTS, item.b, ""),
    })),
  }),
  assignTasks,
  assignTasks,
  (view, { items }) => ({
    kind: "explain-tasks",
    items: items.map((item) => ({ taskId: task(view, item.a), error: pick(TEXTS, item.b, "") })),
  }),
  reportTasks,
  reportTasks,
  reportTasks,
  (view, { items, flag }) => ({
    kind: "end-tasks",
    items: items.map((item) => ({
      taskId: task(view, item.a),
      state: flag ? "shutdown" : pick(STATES, item.b, "orphaned"),
      message: "",
    })),
  }),
  (view, { items }) => ({
    kind: "delete-tasks",
    taskIds: items.map((item) => task(view, item.a)),
  }),
  (_view, { a, b }) => ({
    kind: "create-config",
    configId: config(a),
    spec: { name: pick(NAMES, b, ""), labels: {}, data: new Uint8Array([b % 2]) },
  }),
  updateConfig,
  updateConfig,
  (_view, { a }) => ({ kind: "remove-config", configId: config(a) }),
  ...TRUST_MAKERS,
  createNetwork,
  createNetwork,
  (_view, { a }) => ({ kind: "remove-network", networkId: network(a) }),
  forgetNetwork,
  forgetNetwork,
  writeStack,
  writeStack,
  (view, { items }) => ({
    kind: "allocate-tasks",
    taskIds: items.map((item) => task(view, item.a)),
  }),
];

function runJob(view: ClusterView, { a, b, flag }: Draw): Command {
  const scheduled = view.services.list().filter(({ spec: { mode } }) => mode.kind.endsWith("job"));
  return {
    kind: "run-job",
    serviceId: scheduled[a % Math.max(1, scheduled.length)]?.id ?? service(a),
    scheduledFor: 1_000_300 + b * 40,
    ...(flag ? { skipped: "missed" } : {}),
  };
}

function forgetService(view: ClusterView, { a }: Draw): Command {
  const removed = view.services.list().filter((one) => one.removed === true);
  return { kind: "forget-service", serviceId: removed[a % removed.length]?.id ?? service(a) };
}

/** Mostly of the mode it has: another one is refused. */
function changed(next: ServiceSpec, view: ClusterView, n: number): ServiceSpec {
  const mode = view.services.get(service(n))?.spec.mode;
  return mode === undefined || n % 8 === 7 ? next : { ...next, mode };
}

function createNetwork(_view: ClusterView, { a, b }: Draw): Command {
  const subnets = [undefined, "10.65.8.0/29", "10.65.9.0/29", "10.65.0.0/24", "x"];
  const subnet = subnets[b % subnets.length];
  const flags = { internal: false, attachable: b % 2 === 0, encrypted: false };
  const asked = { ...(subnet === undefined ? {} : { subnet }) };
  const named = { name: pick(NAMES, a, ""), labels: {}, options: {} };
  return {
    kind: "create-network",
    networkId: network(a),
    spec: { ...named, ...flags, ...asked, ...(b % 7 === 6 ? { gateway: "10.65.8.3" } : {}) },
  };
}

function setUpdateStatus(view: ClusterView, { a, b, off, flag }: Draw): Command {
  return {
    kind: "set-update-status",
    serviceId: service(a),
    specIndex: near(view.services.get(service(a))?.specIndex, off),
    status: { state: "updating", startedAt: b % 2, completedAt: 0, message: pick(TEXTS, b, "") },
    rollback: flag && b % 3 === 0,
    ...(b % 3 === 1 ? { standbyMs: b } : {}),
  };
}

/** Mostly of kinds that may be steps. */
function writeStack(view: ClusterView, draw: Draw): Command {
  const { a, b, items, off, flag } = draw;
  const id = stackId(`k${a % 2}`);
  const steps = items
    .map((item) => {
      const make = pick(MAKERS, item.a * 5 + item.b, fillSlots);
      return make(view, { ...draw, items: [], a: item.a, b: item.b });
    })
    .filter((step): step is StackStep => {
      return (
        step.kind !== "write-stack" && (b % 5 === 0 || /config|secret|-service/.test(step.kind))
      );
    });
  return {
    kind: "write-stack",
    stackId: id,
    name: pick(NAMES, a % 2, ""),
    version: near(view.stacks.get(id)?.version, off),
    ...(flag && b % 3 === 0 ? {} : { revision: { note: "", compose: `{"a":${b}}`, files: [] } }),
    ...(flag && b % 6 === 0 ? { isLabelOnly: true } : {}),
    steps,
  };
}

function forgetNetwork(view: ClusterView, { a }: Draw): Command {
  const removed = view.networks.list().filter((row) => row.removedAt !== undefined);
  return { kind: "forget-network", networkId: removed[a % removed.length]?.id ?? network(a) };
}

function unregisterManager(view: ClusterView, draw: Draw): Command {
  const { a, b } = draw;
  const members = view.nodes.list().filter((one) => one.manager !== undefined);
  const left = members.find((one) => one.spec.role === "worker");
  if (left !== undefined) {
    const raftId = b % 4 === 0 ? `r${b % 5}` : (left.manager?.raftId ?? "");
    return { kind: "unregister-manager", nodeId: b % 8 === 7 ? node(a) : left.id, raftId };
  }
  const row = members[a % Math.max(1, members.length)];
  if (row === undefined || b % 2 === 0) return registerManager(view, draw);
  const spec = { ...row.spec, role: "worker" } as const;
  return { kind: "update-node", nodeId: row.id, version: row.version, spec };
}

function registerManager(view: ClusterView, { a, b }: Draw): Command {
  const able = view.nodes.list().filter((one) => one.spec.role === "manager");
  const id = able[a % Math.max(1, able.length)]?.id ?? node(a);
  const manager = { raftId: `r${b % 5}`, address: "127.0.1.1:2377" };
  return { kind: "register-manager", nodeId: b % 8 === 0 ? node(a) : id, manager };
}

function updateConfig(view: ClusterView, { a, b, off, flag }: Draw): Command {
  return {
    kind: "update-config",
    configId: config(a),
    version: near(view.configs.get(config(a))?.version, off),
    spec: {
      name: view.configs.get(config(a))?.spec.name ?? "",
      labels: { x: pick(NAMES, b, "") },
      data: new Uint8Array([b % 2]),
    },
    ...(flag ? { isOther: true } : {}),
  };
}

function fillSlots(view: ClusterView, { a, items }: Draw): Command {
  const id = service(a);
  return {
    kind: "fill-slots",
    serviceId: id,
    items: items.map((item) => ({
      slot: item.a % 4,
      generation: near(view.slots.get(`${id}.${item.a % 4}`)?.generation, item.off),
      taskId: taskId(`t${item.a}-${item.b}-${view.index % 5}`),
      taskIndex: near(view.services.get(id)?.taskIndex, item.b === 0 ? item.off : 0),
      desired: pick(DESIRED_STATES, item.b % 5 === 4 ? 2 : item.b % 2, "running"),
      failures: item.b,
      ...(item.b % 3 === 0 ? { startAt: item.b, reason: "r" } : {}),
      ...(item.b % 3 === 1 ? { pinnedTo: node(item.b) } : {}),
    })),
  };
}

function assignTasks(view: ClusterView, { items }: Draw): Command {
  return {
    kind: "assign-tasks",
    items: items.map((item) => ({ taskId: task(view, item.a), nodeId: node(item.b) })),
  };
}

function reportTasks(view: ClusterView, { a, items }: Draw): Command {
  return {
    kind: "report-tasks",
    nodeId: node(a),
    items: items.map((item) => ({
      taskId: task(view, item.a),
      status: {
        state: pick(STATES, item.b, "running"),
        at: item.a,
        message: pick(TEXTS, item.b, ""),
        ...(item.off === 0 ? { inRotation: item.a % 2 === 0 } : { exitCode: 1 }),
      },
    })),
  };
}

export function envelopeOf(view: ClusterView, draw: Draw): Envelope {
  // The first command makes a cluster nearly always: without one all others are refused.
  const kind = view.cluster === undefined && draw.kind % 7 !== 0 ? 0 : draw.kind % MAKERS.length;
  const command = pick(MAKERS, kind, reportTasks)(view, draw);
  const { version, time, request } = draw;
  const asked = request === undefined ? {} : { request: requestId(`q${request}`) };
  // Now and then far ahead, so that what rests has rested.
  const at = time > 440 ? view.time + 60_000 + time : time;
  return { version, time: at, wall: 1_000_000 + at, command, ...asked };
}
