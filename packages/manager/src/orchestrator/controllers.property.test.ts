/**
 * Every controller, from every state: what it decides, once applied, it does not decide again;
 * and all of them together bring the cluster to what the services ask for.
 */
import type { UpdateConfig } from "@skein/common/model/service";
import { replicasOf } from "@skein/common/model/service-mode";
import type { TaskStatus } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import { expect } from "chai";
import fc from "fast-check";
import { routesOf } from "../dispatcher/routes.ts";
import { controllers } from "./controllers.ts";
import type { RestartCondition } from "./restart-policy.ts";
import { SmallCluster } from "./small-cluster.test.ts";

const PORT = { protocol: "tcp", targetPort: 80, publishedPort: 80, mode: "host" } as const;

const INGRESS = { protocol: "tcp", targetPort: 80, publishedPort: 81, mode: "ingress" } as const;

type Act =
  | { readonly kind: "scale"; readonly service: number; readonly to: number }
  | { readonly kind: "force" | "remove" | "constrain" | "rollback"; readonly service: number }
  | {
      readonly kind: "down" | "join" | "drain" | "activate" | "pause" | "label";
      readonly node: number;
    }
  | { readonly kind: "report"; readonly task: number; readonly state: TaskStatus["state"] }
  | { readonly kind: "pass"; readonly milliseconds: number }
  | { readonly kind: "settle" | "oblige" };

const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constant("scale" as const), service: fc.nat(1), to: fc.nat(4) }),
  fc.record({
    kind: fc.constantFrom("force", "remove", "constrain", "rollback"),
    service: fc.nat(1),
  }),
  fc.record({
    kind: fc.constantFrom("down", "join", "drain", "activate", "pause", "label"),
    node: fc.nat(2),
  }),
  fc.record({
    kind: fc.constant("report" as const),
    task: fc.nat(9),
    state: fc.constantFrom("ready", "running", "complete", "failed", "rejected", "shutdown"),
  }),
  fc.record({
    kind: fc.constant("pass" as const),
    milliseconds: fc.constantFrom(1, 250, 5000, 60_000, 600_000),
  }),
  fc.record({ kind: fc.constantFrom("settle", "oblige") }),
);

const settings = fc.record({
  order: fc.constantFrom("stop-first", "start-first", "blue-green"),
  failureAction: fc.constantFrom("pause", "continue", "rollback"),
  parallelism: fc.nat(2),
  delayMs: fc.constantFrom(0, 1000),
  condition: fc.constantFrom("any", "on-failure", "none"),
  maxAttempts: fc.constantFrom(0, 0, 2),
});
type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

function build({ condition, maxAttempts, ...update }: Settings): SmallCluster {
  const cluster = new SmallCluster();
  for (const name of ["n0", "n1", "n2"]) cluster.join(name);
  const config = { ...update, monitorMs: 5000, maxFailureRatioMilli: 0 };
  const task = { restart: { condition, maxAttempts } };
  const rollback: UpdateConfig = { ...config, order: "stop-first" };
  cluster.create("s0", { replicas: 3, update: config, rollback, task, ports: [INGRESS] });
  cluster.create("s1", { replicas: 1, ports: [PORT], task });
  return cluster;
}

function perform(cluster: SmallCluster, act: Act): void {
  if (act.kind === "pass") cluster.advance(act.milliseconds);
  else if (act.kind === "settle") cluster.settle();
  else if (act.kind === "oblige") cluster.oblige();
  else if (act.kind === "report") reportOne(cluster, act.task, act.state);
  else if ("service" in act) changeService(cluster, act);
  else if ("node" in act) changeNode(cluster, act.kind, `n${act.node}`);
}

function reportOne(cluster: SmallCluster, index: number, state: TaskStatus["state"]): void {
  const there = cluster.view.tasks.list().filter(({ nodeId, status }) => {
    return nodeId !== undefined && !isTerminal(status.state);
  });
  const task = there[index % Math.max(1, there.length)];
  if (task !== undefined) cluster.report(task.id, { state, inRotation: state === "running" });
}

function changeService(
  cluster: SmallCluster,
  act: Extract<Act, { readonly service: number }>,
): void {
  const name = `s${act.service}`;
  const service = cluster.view.serviceByName(name);
  if (service === undefined) return;
  const { task } = service.spec;
  const constraints = task.constraints.length === 0 ? ["node.labels.a==b"] : [];
  if (act.kind === "scale") cluster.change(name, { replicas: act.to });
  else if (act.kind === "force")
    cluster.change(name, { task: { forceUpdate: task.forceUpdate + 1 } });
  else if (act.kind === "constrain") cluster.change(name, { task: { constraints } });
  else if (act.kind === "remove") cluster.apply({ kind: "remove-service", serviceId: service.id });
  else if (service.previousSpec !== undefined) {
    const { id: serviceId, version, spec } = service;
    cluster.apply({ kind: "update-service", serviceId, version, spec, rollback: true });
  }
}

type NodeAct = Extract<Act, { readonly node: number }>["kind"];

function changeNode(cluster: SmallCluster, kind: NodeAct, name: string): void {
  if (kind === "down") cluster.down(name);
  else if (kind === "join") cluster.join(name, { session: `s${cluster.view.index}` });
  else if (kind === "label") cluster.setNode(name, { labels: { a: "b" } });
  else if (kind === "activate") cluster.setNode(name, { availability: "active" });
  else cluster.setNode(name, { availability: kind });
}

/** O7, and that no slot is left without a task. */
function checkSlots(cluster: SmallCluster): void {
  for (const service of cluster.view.services.list()) {
    const slots = cluster.view.slotsOfService(service.id);
    const expected = service.removed === true ? 0 : replicasOf(service.spec.mode);
    expect(slots.length, `slots of ${service.id}`).to.equal(expected);
    const current = new Set(slots.map(({ taskId }) => taskId));
    expect(current.has(undefined), `a slot of ${service.id} without a task`).to.equal(false);
    for (const task of cluster.tasks(service.spec.name)) {
      if (current.has(task.id) || task.desired === "shutdown" || task.desired === "remove")
        continue;
      // Its node is drained, and the new one does not serve yet.
      const { servesUntil = 0 } = slots.find(({ slot }) => slot === task.slot) ?? {};
      if (servesUntil > cluster.now) continue;
      const { standby, standbyUntil = 0 } = service.traffic ?? {};
      if (task.taskIndex === standby && standbyUntil > cluster.now) continue;
      if (service.traffic !== undefined && task.taskIndex === service.traffic.taskIndex) continue;
      expect(service.spec.update?.order ?? "stop-first", `${task.id} was left behind`).to.equal(
        "start-first",
      );
      expect(task.status.state).to.equal("running");
    }
  }
}

/** B1: who is served is of one version, wherever there are two sets. */
function checkTraffic({ view }: SmallCluster): void {
  for (const { serviceId, backends } of routesOf(view)) {
    if (view.services.get(serviceId)?.traffic === undefined) continue;
    const versions = new Set(backends.map(({ taskId }) => view.tasks.get(taskId)?.taskIndex));
    expect(versions.size, "versions that are served at once").to.be.at.most(1);
  }
}

/** Nothing waits but for a deadline; then that one passes. Bounded, or the controllers go round. */
function passAllDeadlines(cluster: SmallCluster): void {
  for (let round = 0; round < 100; round += 1) {
    cluster.converge();
    const times = controllers.flatMap(({ decide }) => cluster.decide(decide).again ?? []);
    // A node that is down for a day is not waited for here.
    const next = Math.min(...times.filter((time) => time < cluster.now + 3_600_000));
    if (next === Number.POSITIVE_INFINITY) return;
    expect(next).to.be.greaterThan(cluster.now);
    cluster.advance(next - cluster.now);
  }
  expect.fail("deadlines without end");
}

describe("controllers (property)", () => {
  it("decide nothing twice, and keep a task in every slot", () => {
    fc.assert(
      fc.property(settings, fc.array(acts, { maxLength: 40 }), (chosen, script) => {
        const cluster = build(chosen);
        for (const act of script) {
          perform(cluster, act);
          for (const { name, decide } of controllers) {
            const decided = cluster.run(decide);
            // A rollback gives the service a version that nobody knows before it is stored.
            if (decided.some((one) => one.kind === "set-update-status" && one.rollback)) {
              cluster.run(decide);
            }
            checkTraffic(cluster);
            const text = `${name} again after ${act.kind}`;
            expect(cluster.decide(decide).commands, text).to.deep.equal([]);
          }
        }
        cluster.settle();
        checkSlots(cluster);
      }),
      { numRuns: 150 },
    );
  }).timeout(30_000);

  it("bring every service to rest: running, waiting with a reason, or ended for good", () => {
    fc.assert(
      fc.property(settings, fc.array(acts, { maxLength: 30 }), (chosen, script) => {
        const cluster = build(chosen);
        for (const act of script) perform(cluster, act);
        passAllDeadlines(cluster);
        checkSlots(cluster);
        for (const task of cluster.view.tasks.list()) {
          if (task.desired === "ready") expect.fail(`${task.id} is held for ever`);
          if (task.desired !== "running" || task.status.state !== "pending") continue;
          expect(task.status.error, `${task.id} waits`).to.match(/^no suitable node/);
        }
        for (const { updateStatus } of cluster.view.services.list()) {
          expect(updateStatus?.state ?? "completed").to.match(/completed|paused/);
        }
      }),
      { numRuns: 150 },
    );
  }).timeout(30_000);
});

const NODE_STATES = ["ready", "down", "drain", "removed"] as const;
const TASK_STATES = ["assigned", "running", "complete", "failed", "asked"] as const;

/** Two nodes and three tasks in every combination of states, with a third node to go to. */
function model(nodes: readonly string[], tasks: readonly string[], condition: RestartCondition) {
  const cluster = new SmallCluster();
  nodes.forEach((_, index) => cluster.join(`n${index}`));
  cluster.create("web", { replicas: tasks.length, task: { restart: { condition } } });
  cluster.settle();
  tasks.forEach((state, index) => {
    const { id } = cluster.task("web", index + 1);
    const asked = { taskId: id, desired: "shutdown", reason: "test" } as const;
    if (state === "asked") cluster.apply({ kind: "set-desired", items: [asked] });
    else if (state === "running") cluster.report(id, { state: "running", inRotation: true });
    else if (state === "complete" || state === "failed") cluster.report(id, { state });
  });
  nodes.forEach((state, index) => {
    const name = `n${index}`;
    if (state === "down") cluster.down(name);
    if (state === "drain") cluster.setNode(name, { availability: "drain" });
    if (state === "removed") {
      cluster.apply({ kind: "remove-node", nodeId: cluster.node(name).id, force: true });
    }
  });
  cluster.join("n9");
  return cluster;
}

describe("controllers (every small model)", () => {
  for (const condition of ["any", "on-failure", "none"] as const) {
    it(`bring three tasks on two nodes to rest under condition ${condition}`, () => {
      let round = 0;
      for (const nodes of pairs(NODE_STATES)) {
        for (const tasks of triples(TASK_STATES)) {
          const cluster = model(nodes, tasks, condition);
          // Begins with another controller each time: the order must not matter.
          round += 1;
          controllers.forEach((_, index) => {
            const one = controllers[(index + round) % controllers.length];
            if (one === undefined) return;
            cluster.run(one.decide);
            expect(cluster.decide(one.decide).commands, one.name).to.deep.equal([]);
          });
          cluster.converge();
          checkAtRest(cluster, tasks, condition);
        }
      }
    }).timeout(30_000);
  }
});

function checkAtRest(
  cluster: SmallCluster,
  tasks: readonly string[],
  condition: RestartCondition,
): void {
  checkSlots(cluster);
  tasks.forEach((state, index) => {
    const task = cluster.task("web", index + 1);
    const text = `${cluster.describe("web").join("; ")} (web.${index + 1} was ${state})`;
    if (condition === "any") expect(task.status.state, text).to.equal("running");
    if (condition === "on-failure" && state !== "complete") {
      expect(task.status.state, text).to.equal("running");
    }
    const isOver = state === "complete" || state === "failed";
    if (condition === "none" && isOver) expect(task.status.state, text).to.equal(state);
    if (task.status.state !== "running" || condition === "none") return;
    const { nodeId } = task;
    const node = nodeId === undefined ? undefined : cluster.view.nodes.get(nodeId);
    expect(node?.status.state, text).to.equal("ready");
    expect(node?.spec.availability, text).to.equal("active");
  });
}

function pairs<T>(values: readonly T[]): readonly (readonly T[])[] {
  return values.flatMap((a) => values.map((b) => [a, b]));
}
/** Without regard to order, which the node states make up for. */
function triples<T>(values: readonly T[]): readonly (readonly T[])[] {
  return values.flatMap((a, first) =>
    values.slice(first).flatMap((b, second) => values.slice(first + second).map((c) => [a, b, c])),
  );
}
