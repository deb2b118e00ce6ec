/** The scheduler against a slow and obvious oracle, and that it decides nothing twice (P1-P3). */
import type { NodeId } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { Task } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import { expect } from "chai";
import fc from "fast-check";
import { SmallCluster } from "../orchestrator/small-cluster.test.ts";
import type { ClusterView } from "../store/view.ts";
import { unmetConstraint } from "./constraint.ts";
import { schedule } from "./schedule.ts";

const nodeShape = fc.record({
  cpus: fc.integer({ min: 0, max: 3 }),
  zone: fc.constantFrom("a", "b", ""),
  availability: fc.constantFrom("active", "active", "active", "pause", "drain"),
  isDown: fc.boolean(),
});
const serviceShape = fc.record({
  replicas: fc.integer({ min: 0, max: 5 }),
  cpus: fc.constantFrom(0, 0, 1, 2),
  constraint: fc.constantFrom(undefined, undefined, "node.labels.zone==a", "node.labels.zone!=a"),
  spread: fc.boolean(),
  maxReplicas: fc.constantFrom(0, 0, 1, 2),
  hostPort: fc.constantFrom(0, 0, 0, 80, 81),
});
type NodeShape = typeof nodeShape extends fc.Arbitrary<infer T> ? T : never;
type ServiceShape = typeof serviceShape extends fc.Arbitrary<infer T> ? T : never;

function build(nodes: readonly NodeShape[], services: readonly ServiceShape[]): SmallCluster {
  const cluster = new SmallCluster();
  nodes.forEach(({ cpus, zone, availability }, index) => {
    const labels = zone === "" ? {} : { zone };
    cluster.join(`n${index}`, { cpus, labels, availability });
  });
  // Half the nodes go down only behind the first services, so that there is something on them.
  services.forEach((shape, index) => {
    if (index === 1) downNodes(cluster, nodes);
    createService(cluster, `s${index}`, shape);
    if (index < services.length - 1) cluster.settle();
  });
  return cluster;
}

function downNodes(cluster: SmallCluster, nodes: readonly NodeShape[]): void {
  nodes.forEach(({ isDown }, index) => {
    if (isDown) cluster.down(`n${index}`);
  });
}

function createService(cluster: SmallCluster, name: string, shape: ServiceShape): void {
  const { replicas, cpus, constraint, spread, maxReplicas, hostPort } = shape;
  const mode = "host" as const;
  const port = { protocol: "tcp" as const, targetPort: 1, publishedPort: hostPort, mode };
  cluster.create(name, {
    replicas,
    ports: hostPort === 0 ? [] : [port],
    task: {
      reservedNanoCpus: cpus * 1_000_000_000,
      constraints: constraint === undefined ? [] : [constraint],
      spread: spread ? ["node.labels.zone"] : [],
      maxReplicasPerNode: maxReplicas,
    },
  });
}

/** Straight from the rules, one task at a time, everything counted anew each time. */
class Oracle {
  readonly #view: ClusterView;
  readonly #placed = new Map<string, NodeId>();

  constructor(view: ClusterView) {
    this.#view = view;
  }

  admits(task: Task, node: Node): boolean {
    const there = this.#tasksOn(node);
    const cpus = there.reduce((sum, one) => sum + (one.spec.reservedNanoCpus ?? 0), 0);
    const wants = task.spec.reservedNanoCpus ?? 0;
    const limit = task.spec.maxReplicasPerNode ?? 0;
    const ports = (one: Task): readonly number[] => one.ports.map((port) => port.publishedPort);
    const isTaken = there.some((one) => ports(one).some((port) => ports(task).includes(port)));
    return (
      node.status.state === "ready" &&
      node.spec.availability === "active" &&
      (wants === 0 || cpus + wants <= node.description.nanoCpus) &&
      unmetConstraint(task.spec.constraints, node) === undefined &&
      !isTaken &&
      (limit === 0 || this.#ofService(task, node) < limit)
    );
  }

  /**
   * Nodes that a placement may choose: fewest of the service in the zone, on the node, then
   * overall.
   */
  choices(task: Task): readonly NodeId[] {
    const nodes = this.#view.nodes.list();
    const zoneOf = (node: Node): string =>
      task.spec.spread.length === 0 ? "" : (node.spec.labels["zone"] ?? "");
    const inZone = (zone: string): number =>
      nodes
        .filter((one) => zoneOf(one) === zone)
        .reduce((n, one) => n + this.#ofService(task, one), 0);
    const keys = nodes
      .filter((node) => this.admits(task, node))
      .map((node) => ({
        id: node.id,
        key: [inZone(zoneOf(node)), this.#ofService(task, node), this.#active(node)]
          .map((number) => String(number).padStart(4, "0"))
          .join(),
      }));
    const least = keys.map(({ key }) => key).sort()[0];
    return keys.filter(({ key }) => key === least).map(({ id }) => id);
  }

  place(task: Task, node: NodeId): void {
    this.#placed.set(task.id, node);
  }

  #tasksOn(node: Node): readonly Task[] {
    return this.#view.tasks.list().filter((task) => {
      if (isTerminal(task.status.state)) return false;
      return (this.#placed.get(task.id) ?? task.nodeId) === node.id;
    });
  }
  #wantedOn(node: Node): readonly Task[] {
    return this.#tasksOn(node).filter(
      ({ desired }) => desired === "running" || desired === "ready",
    );
  }
  #ofService(task: Task, node: Node): number {
    return this.#wantedOn(node).filter(({ serviceId }) => serviceId === task.serviceId).length;
  }
  #active(node: Node): number {
    return this.#wantedOn(node).length;
  }
}

function checkAgainstOracle(cluster: SmallCluster): void {
  const oracle = new Oracle(cluster.view);
  const { commands } = cluster.decide(schedule);
  const placed = new Set<string>();
  for (const command of commands) {
    if (command.kind !== "assign-tasks") continue;
    for (const { taskId, nodeId } of command.items) {
      const task = cluster.view.tasks.get(taskId);
      if (task === undefined) throw new Error(`${taskId} is not there`);
      expect(oracle.choices(task), `choices for ${task.serviceName}.${task.slot}`).to.include(
        nodeId,
      );
      oracle.place(task, nodeId);
      placed.add(taskId);
    }
  }
  for (const task of cluster.view.pendingTasks()) {
    if (placed.has(task.id) || task.desired !== "running") continue;
    expect(oracle.choices(task), `left over: ${task.serviceName}.${task.slot}`).to.deep.equal([]);
  }
}

describe("schedule (property)", () => {
  const nodes = fc.array(nodeShape, { maxLength: 5 });
  const services = fc.array(serviceShape, { minLength: 1, maxLength: 4 });

  it("places like the oracle, leaves nothing that fits, and decides nothing twice", () => {
    fc.assert(
      fc.property(nodes, services, (nodeShapes, serviceShapes) => {
        const cluster = build(nodeShapes, serviceShapes);
        checkAgainstOracle(withSlots(cluster));
        cluster.run(schedule);
        expect(cluster.decide(schedule)).to.deep.equal({ commands: [] });
      }),
      { numRuns: 150 },
    );
  }).timeout(30_000);

  it("holds for every cluster of up to 3 nodes and 3 tasks", () => {
    const states = ["small", "large", "paused", "down"] as const;
    for (const names of tuples(states, 3)) {
      for (const tasks of [1, 2, 3]) {
        for (const maxReplicas of [0, 1]) checkAgainstOracle(enumerated(names, tasks, maxReplicas));
      }
    }
  }).timeout(30_000);
});

/** Runs everything but the scheduler, so that the last service's tasks are there and pending. */
function withSlots(cluster: SmallCluster): SmallCluster {
  cluster.settleWithout("scheduler");
  return cluster;
}

function enumerated(nodes: readonly string[], tasks: number, maxReplicas: number): SmallCluster {
  const cluster = new SmallCluster();
  nodes.forEach((kind, index) => {
    const name = `n${index}`;
    const availability = kind === "paused" ? "pause" : "active";
    cluster.join(name, { cpus: kind === "small" ? 1 : 2, availability });
    if (kind === "down") cluster.down(name);
  });
  const task = { reservedNanoCpus: 1_000_000_000, maxReplicasPerNode: maxReplicas };
  cluster.create("web", { replicas: tasks, task });
  return withSlots(cluster);
}

/** Every list of up to `length` of the values. */
function tuples<T>(values: readonly T[], length: number): readonly (readonly T[])[] {
  if (length === 0) return [[]];
  const shorter = tuples(values, length - 1);
  const longest = shorter.filter((list) => list.length === length - 1);
  return [...shorter, ...longest.flatMap((list) => values.map((value) => [...list, value]))];
}
