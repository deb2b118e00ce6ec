import { taskId } from "@skein/common/ids";
import type { PortSpec } from "@skein/common/model/service";
import { expect } from "chai";
import { SmallCluster } from "../orchestrator/small-cluster.test.ts";
import { schedule } from "./schedule.ts";

const HOST_PORT: PortSpec = { protocol: "tcp", targetPort: 80, publishedPort: 80, mode: "host" };

function cluster(...names: readonly string[]): SmallCluster {
  const made = new SmallCluster();
  for (const name of names) made.join(name);
  return made;
}

/** How many tasks that are not over each node has. */
function load(on: SmallCluster, name = "web"): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { nodeId, status } of on.tasks(name)) {
    if (nodeId === undefined || status.state !== "assigned") continue;
    counts[nodeId] = (counts[nodeId] ?? 0) + 1;
  }
  return counts;
}

function error(on: SmallCluster, slot = 1): string | undefined {
  return on.task("web", slot).status.error;
}

describe("schedule", () => {
  it("spreads the tasks of a service evenly", () => {
    const made = cluster("w1", "w2", "w3");
    made.create("web", { replicas: 7 });
    made.settle();
    expect(Object.values(load(made)).sort()).to.deep.equal([2, 2, 3]);
  });

  it("prefers the node with the fewest tasks overall where the service has none", () => {
    const made = cluster("w1", "w2", "w3");
    made.create("other", { replicas: 2 });
    made.settle();
    made.create("web");
    made.settle();
    const taken = new Set(made.tasks("other").map(({ nodeId }) => nodeId));
    expect(taken.has(made.task("web", 1).nodeId)).to.equal(false);
  });

  it("begins with different nodes for different services", () => {
    const first = new Set<string | undefined>();
    for (let index = 0; index < 10; index += 1) {
      const made = cluster("w1", "w2", "w3", "w4");
      made.create(`service${index}`);
      made.settle();
      first.add(made.task(`service${index}`, 1).nodeId);
    }
    expect(first.size).to.be.greaterThan(2);
  });

  it("divides by label first, then by node; a missing label is a branch of its own", () => {
    const made = new SmallCluster();
    made.join("a1", { labels: { zone: "a" } });
    made.join("a2", { labels: { zone: "a" } });
    made.join("a3", { labels: { zone: "a" } });
    made.join("b1", { labels: { zone: "b" } });
    made.join("c1");
    made.create("web", { replicas: 9, task: { spread: ["node.labels.zone"] } });
    made.settle();
    expect(load(made)).to.deep.equal({ a1: 1, a2: 1, a3: 1, b1: 3, c1: 3 });
  });

  it("divides by two labels in turn", () => {
    const made = new SmallCluster();
    for (const [name, zone, rack] of [
      ["n1", "a", "1"],
      ["n2", "a", "1"],
      ["n3", "a", "2"],
      ["n4", "b", "1"],
    ] as const) {
      made.join(name, { labels: { zone, rack } });
    }
    made.create("web", { replicas: 8, task: { spread: ["node.labels.zone", "rack"] } });
    made.settle();
    expect(load(made)).to.deep.equal({ n1: 1, n2: 1, n3: 2, n4: 4 });
  });

  it("tries nodes last where this version failed five times of late", () => {
    const made = cluster("w1", "w2");
    made.create("web", { replicas: 5, task: { constraints: ["node.id==w1"] } });
    made.settle();
    for (const task of made.tasks("web")) made.report(task.id, { state: "failed" });
    made.change("web", { task: { constraints: [] } });
    made.settle();
    expect(load(made)).to.deep.equal({ w2: 5 });
    made.advance(300_000);
    made.change("web", { replicas: 9 });
    made.settle();
    expect(load(made)).to.deep.equal({ w1: 4, w2: 5 });
  });

  it("books resources until the task has ended, wanted or not", () => {
    const made = cluster("w1");
    const task = { reservedNanoCpus: 2_000_000_000 };
    made.create("web", { replicas: 2, task });
    made.converge();
    made.create("more", { replicas: 1, task });
    made.settle();
    made.change("web", { replicas: 1 });
    made.settle();
    expect(made.task("more", 1).status.state).to.equal("pending");
    made.oblige();
    made.settle();
    expect(made.task("more", 1).status.state).to.equal("assigned");
  });

  it("gives pending tasks the constraints the service has now", () => {
    const made = cluster("w1");
    made.create("web", { task: { constraints: ["node.id==w2"] } });
    made.settle();
    made.change("web", { task: { constraints: ["node.id==w1"] } });
    made.settle();
    expect(made.task("web", 1).nodeId).to.equal("w1");
  });

  it("places held tasks too, so that they can prepare", () => {
    const made = cluster("w1");
    made.create("web", { task: { restart: { condition: "any", delayMs: 5000 } } });
    made.converge();
    made.report(made.task("web", 1).id, { state: "failed" });
    made.settle();
    expect(made.describe("web").at(-1)).to.equal("web.1 w1 assigned wanted=ready");
  });

  it("places at most 1,000 tasks a run, the longest waiting first", () => {
    const made = cluster("w1");
    made.create("web", { replicas: 600 });
    made.create("more", { replicas: 600 });
    made.run((context) => ({
      commands: context.view.services.list().map(({ id, taskIndex }) => ({
        kind: "fill-slots",
        serviceId: id,
        items: Array.from({ length: 600 }, (_, index) => ({
          slot: index + 1,
          generation: 0,
          taskId: taskId(`${id}${index}`),
          taskIndex,
          desired: "running",
          failures: 0,
        })),
      })),
    }));
    const sizes = () =>
      made.run(schedule).map((one) => one.kind === "assign-tasks" && one.items.length);
    expect(sizes()).to.deep.equal([500, 500]);
    expect(sizes()).to.deep.equal([200]);
    expect(sizes()).to.deep.equal([]);
  });
});

describe("schedule explains", () => {
  it("that there is no node at all", () => {
    const made = cluster();
    made.create("web");
    made.settle();
    expect(error(made)).to.equal("no suitable node");
  });

  it("each reason with its number of nodes, most first, in Docker's words", () => {
    const made = new SmallCluster();
    made.join("small", { cpus: 1 });
    made.join("large");
    made.join("larger");
    made.join("paused", { availability: "pause" });
    made.join("drained", { availability: "drain" });
    made.join("dead");
    made.down("dead");
    const task = { reservedNanoCpus: 2_000_000_000, constraints: ["node.labels.x==y"] };
    made.create("web", { task });
    made.settle();
    expect(error(made)).to.equal(
      "no suitable node (3 nodes not available for new tasks; " +
        "scheduling constraints not satisfied on 2 nodes; insufficient resources on 1 node)",
    );
    expect(made.decide(schedule)).to.deep.equal({ commands: [] });
  });

  it("host ports in use", () => {
    const made = cluster("w1");
    made.create("web", { replicas: 2, ports: [HOST_PORT] });
    made.settle();
    expect(load(made)).to.deep.equal({ w1: 1 });
    const text = "no suitable node (host-mode port already in use on 1 node)";
    expect(error(made, 2)).to.equal(text);
  });

  it("the limit of replicas a node", () => {
    const made = cluster("w1", "w2");
    made.create("web", { replicas: 5, task: { maxReplicasPerNode: 2 } });
    made.settle();
    expect(load(made)).to.deep.equal({ w1: 2, w2: 2 });
    expect(error(made, 5)).to.equal("no suitable node (max replicas per node limit exceed)");
  });

  it("anew when the reason changes, and not when it stays", () => {
    const made = cluster("w1");
    made.setNode("w1", { availability: "pause" });
    made.create("web");
    made.settle();
    expect(error(made)).to.equal("no suitable node (1 node not available for new tasks)");
    made.join("w2", { availability: "pause" });
    made.settle();
    expect(error(made)).to.equal("no suitable node (2 nodes not available for new tasks)");
    expect(made.decide(schedule)).to.deep.equal({ commands: [] });
    made.setNode("w2", { availability: "active" });
    made.settle();
    expect(made.task("web", 1).nodeId).to.equal("w2");
  });
});

describe("generic resources", () => {
  it("are given by name or by number, and to nobody twice", () => {
    const cluster = new SmallCluster();
    cluster.join("w1", { labels: { "skein.generic.gpu": "a, b", "skein.generic.slot": "3" } });
    cluster.create("train", { replicas: 3, task: { generic: { gpu: 1, slot: 1 } } });
    cluster.converge();
    const given = cluster.tasks("train").flatMap(({ generic }) => {
      return generic === undefined ? [] : [`${generic["gpu"]} ${generic["slot"]}`];
    });
    expect(given.sort()).to.deep.equal(["a 1", "b 1"]);
    const waiting = cluster.tasks("train").filter(({ status }) => status.state === "pending");
    expect(waiting.map(({ status }) => status.error)).to.deep.equal([
      "no suitable node (insufficient resources on 1 node)",
    ]);
  });

  it("are free again when the task that held them has ended", () => {
    const cluster = new SmallCluster();
    cluster.join("w1", { labels: { "skein.generic.gpu": "a" } });
    cluster.create("one", { task: { generic: { gpu: 1 } } });
    cluster.converge();
    cluster.create("two", { task: { generic: { gpu: 1 } } });
    cluster.converge();
    expect(cluster.task("two", 1).status.state).to.equal("pending");
    cluster.change("one", { replicas: 0 });
    cluster.converge();
    expect(cluster.task("two", 1).generic).to.deep.equal({ gpu: "a" });
  });

  it("limits keep tasks from nodes that cannot enforce them", () => {
    const cluster = new SmallCluster();
    cluster.join("w1");
    cluster.create("web", { task: { limitMemoryBytes: 1_000_000_000 } });
    cluster.converge();
    expect(cluster.task("web", 1).status.error).to.equal(
      "no suitable node (limits cannot be enforced on 1 node)",
    );
  });
});
