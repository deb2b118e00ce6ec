import type { UpdateConfig } from "@skein/common/model/service";
import { expect } from "chai";
import { SmallCluster } from "./small-cluster.test.ts";
import { update } from "./update.ts";

const DEFAULTS: UpdateConfig = {
  parallelism: 1,
  delayMs: 0,
  failureAction: "pause",
  monitorMs: 5000,
  maxFailureRatioMilli: 0,
  order: "stop-first",
};

/** A converged service on two nodes. */
function deployed(config: Partial<UpdateConfig> = {}, replicas = 3, history = 5): SmallCluster {
  const cluster = new SmallCluster(history);
  cluster.join("w1");
  cluster.join("w2");
  const settings = { ...DEFAULTS, ...config };
  cluster.create("web", { replicas, update: settings, rollback: settings });
  cluster.converge();
  cluster.advance(60_000);
  return cluster;
}

/** Anything that makes all tasks out of date. */
function force(cluster: SmallCluster): void {
  const { forceUpdate } = cluster.service("web").spec.task;
  cluster.change("web", { task: { forceUpdate: forceUpdate + 1 } });
}

function updated(cluster: SmallCluster): number {
  const { taskIndex } = cluster.service("web");
  const slots = cluster.view.slotsOfService(cluster.service("web").id);
  return slots.filter(({ slot }) => cluster.task("web", slot).taskIndex === taskIndex).length;
}

function status(cluster: SmallCluster): string {
  const { updateStatus } = cluster.service("web");
  return updateStatus === undefined ? "" : `${updateStatus.state}: ${updateStatus.message}`;
}

/** Lets the newest version's task of a slot end. */
function failNew(cluster: SmallCluster, slot: number): string {
  const { id } = cluster.task("web", slot);
  cluster.report(id, { state: "failed", error: "task: non-zero exit (1)" });
  return id;
}

describe("update", () => {
  it("does nothing when only labels or replicas change", () => {
    const cluster = deployed();
    cluster.change("web", { labels: { a: "b" }, replicas: 2 });
    cluster.converge();
    expect(status(cluster)).to.equal("");
    expect(cluster.decide(update)).to.deep.equal({ commands: [] });
  });

  it("replaces one slot at a time, stopping the old task first", () => {
    const cluster = deployed();
    force(cluster);
    cluster.settle();
    expect(status(cluster)).to.equal("updating: update in progress");
    expect(cluster.describe("web")).to.deep.equal([
      "web.1 w2 running wanted=shutdown",
      "web.1 w2 assigned wanted=ready",
      "web.2 w1 running",
      "web.3 w2 running",
    ]);
    const [old, next] = cluster.tasks("web").filter(({ slot }) => slot === 1);
    cluster.report(next?.id ?? cluster.task("web", 1).id, { state: "ready" });
    cluster.settle();
    expect(cluster.task("web", 1).desired).to.equal("ready");
    cluster.report(old?.id ?? cluster.task("web", 1).id, { state: "shutdown" });
    cluster.settle();
    expect(cluster.task("web", 1).desired).to.equal("running");
    expect(updated(cluster)).to.equal(1);
  });

  it("starts the new task when the old one does not report its end in time (O6)", () => {
    const cluster = deployed();
    force(cluster);
    cluster.settle();
    cluster.advance(19_999);
    cluster.settle();
    expect(cluster.task("web", 1).desired).to.equal("ready");
    cluster.advance(1);
    cluster.settle();
    expect(cluster.task("web", 1).desired).to.equal("running");
  });

  it("does not wait for the old task of a node that went down", () => {
    const cluster = deployed();
    cluster.change("web", { task: { forceUpdate: 1, constraints: ["node.hostname==w1"] } });
    cluster.settle();
    expect(cluster.task("web", 1)).to.include({ desired: "ready", nodeId: "w1" });
    cluster.down("w2");
    cluster.settle();
    expect(cluster.task("web", 1)).to.include({ desired: "running", generation: 2 });
  });

  it("completes after the last slot's monitor period, and says so (O11)", () => {
    const cluster = deployed();
    force(cluster);
    cluster.converge();
    expect(updated(cluster)).to.equal(3);
    expect(status(cluster)).to.equal("updating: update in progress");
    expect(cluster.decide(update)).to.deep.equal({ commands: [], again: cluster.now + 5000 });
    cluster.advance(5000);
    cluster.converge();
    expect(status(cluster)).to.equal("completed: update completed");
    const times = {
      startedAt: 5_000_000 + cluster.now - 5000,
      completedAt: 5_000_000 + cluster.now,
    };
    expect(cluster.service("web").updateStatus).to.include(times);
    expect(cluster.decide(update)).to.deep.equal({ commands: [] });
  });

  it("keeps the old task of a start-first update until the new one is in rotation (O7)", () => {
    const cluster = deployed({ order: "start-first" }, 1);
    force(cluster);
    cluster.settle();
    expect(cluster.describe("web")).to.deep.equal(["web.1 w2 running", "web.1 w1 assigned"]);
    const { id } = cluster.task("web", 1);
    cluster.report(id, { state: "running" });
    cluster.settle();
    expect(cluster.describe("web")).to.deep.equal(["web.1 w2 running", "web.1 w1 running"]);
    cluster.report(id, { state: "running", inRotation: true });
    cluster.settle();
    const ended = ["web.1 w2 running wanted=shutdown", "web.1 w1 running"];
    expect(cluster.describe("web")).to.deep.equal(ended);
  });

  const rooms = [
    { parallelism: 1, expected: 1 },
    { parallelism: 2, expected: 2 },
    { parallelism: 0, expected: 5 },
    { parallelism: 9, expected: 5 },
  ];
  for (const { parallelism, expected } of rooms) {
    it(`touches ${expected} of 5 slots at once with parallelism ${parallelism} (O9)`, () => {
      const cluster = deployed({ parallelism }, 5);
      force(cluster);
      cluster.settle();
      expect(updated(cluster)).to.equal(expected);
    });
  }

  it("waits for the delay behind each batch", () => {
    const cluster = deployed({ delayMs: 1000, parallelism: 2 });
    force(cluster);
    cluster.converge();
    expect(updated(cluster)).to.equal(2);
    cluster.advance(999);
    cluster.converge();
    expect(updated(cluster)).to.equal(2);
    cluster.advance(1);
    cluster.converge();
    expect(updated(cluster)).to.equal(3);
  });

  it("pauses when a new task fails, and touches nothing more (O10)", () => {
    const cluster = deployed();
    force(cluster);
    cluster.settle();
    cluster.oblige();
    cluster.settle();
    const id = failNew(cluster, 1);
    cluster.converge();
    const text = `update paused due to failure or early termination of task ${id}`;
    expect(status(cluster)).to.equal(`paused: ${text}`);
    expect(updated(cluster)).to.equal(1);
    expect(cluster.decide(update)).to.deep.equal({ commands: [] });
  });

  it("counts no failure after the monitor period", () => {
    const cluster = deployed({ delayMs: 60_000 });
    force(cluster);
    cluster.converge();
    cluster.advance(5001);
    failNew(cluster, 1);
    cluster.converge();
    expect(status(cluster)).to.equal("updating: update in progress");
  });

  it("goes on past failures under `continue`", () => {
    const cluster = deployed({ failureAction: "continue" });
    force(cluster);
    cluster.settle();
    cluster.oblige();
    cluster.settle();
    failNew(cluster, 1);
    cluster.converge();
    expect(updated(cluster)).to.equal(3);
    cluster.advance(5000);
    cluster.converge();
    expect(status(cluster)).to.equal("completed: update completed");
  });

  it("tolerates failures within the ratio", () => {
    const cluster = deployed({ maxFailureRatioMilli: 334, parallelism: 3 });
    force(cluster);
    cluster.converge();
    failNew(cluster, 1);
    cluster.converge();
    expect(status(cluster)).to.equal("updating: update in progress");
    failNew(cluster, 2);
    cluster.converge();
    expect(status(cluster)).to.match(/^paused: /);
  });

  it("remembers a failure whose history would be gone (O14)", () => {
    const cluster = deployed({ maxFailureRatioMilli: 334, parallelism: 3 }, 3, 1);
    force(cluster);
    cluster.converge();
    failNew(cluster, 1);
    cluster.converge();
    cluster.advance(1000);
    failNew(cluster, 2);
    cluster.converge();
    expect(status(cluster)).to.match(/^paused: /);
  });

  it("rolls back, and then completes the rollback", () => {
    const cluster = deployed({ failureAction: "rollback" });
    cluster.change("web", {
      task: { process: { ...cluster.service("web").spec.task.process, args: ["bad"] } },
    });
    cluster.settle();
    cluster.oblige();
    const id = failNew(cluster, 1);
    cluster.settle();
    const text = `update rolled back due to failure or early termination of task ${id}`;
    expect(status(cluster)).to.equal(`rollback_started: ${text}`);
    cluster.converge();
    cluster.advance(5000);
    cluster.converge();
    expect(status(cluster)).to.equal("rollback_completed: rollback completed");
    expect(updated(cluster)).to.equal(3);
    expect(cluster.task("web", 1).spec.process.args).to.deep.equal(["sleep"]);
  });

  it("never rolls a rollback back (O10)", () => {
    const cluster = deployed({ failureAction: "rollback" });
    force(cluster);
    cluster.settle();
    for (const _ of [1, 2]) {
      cluster.oblige();
      cluster.settle();
      failNew(cluster, 1);
      cluster.settle();
    }
    expect(status(cluster)).to.match(/^rollback_paused: rollback paused due to failure/);
  });

  it("resumes a paused update when the user sends it again, forgetting its failures", () => {
    const cluster = deployed();
    force(cluster);
    cluster.settle();
    cluster.oblige();
    cluster.settle();
    failNew(cluster, 1);
    cluster.converge();
    cluster.change("web", {});
    cluster.converge();
    expect(updated(cluster)).to.equal(3);
    expect(status(cluster)).to.equal("updating: update in progress");
  });

  const stuck = [
    { name: "is not placed", waitMs: 60_000, act: () => undefined },
    {
      name: "does not start",
      waitMs: 600_000,
      act: (cluster: SmallCluster) =>
        cluster.report(cluster.task("web", 1).id, { state: "preparing" }),
    },
    {
      name: "does not get into rotation",
      waitMs: 10_000,
      act: (cluster: SmallCluster) =>
        cluster.report(cluster.task("web", 1).id, { state: "running" }),
    },
  ];
  for (const { name, waitMs, act } of stuck) {
    it(`fails a new task that ${name} (O8)`, () => {
      const isUnplaced = name === "is not placed";
      const cluster = deployed({ order: "start-first" });
      const nanoCpus = isUnplaced ? 99_000_000_000 : 0;
      cluster.change("web", { task: { reservedNanoCpus: nanoCpus } });
      cluster.settle();
      act(cluster);
      cluster.settle();
      const again = cluster.decide(update).again;
      expect(again).to.equal(cluster.now + waitMs);
      cluster.advance(waitMs);
      cluster.settle();
      expect(status(cluster)).to.match(/^paused: update paused due to failure/);
    });
  }

  it("gives a stuck task a successor when the user sends the update again", () => {
    const cluster = deployed({ order: "start-first" }, 2);
    cluster.change("web", { task: { reservedNanoCpus: 99_000_000_000 } });
    cluster.settle();
    cluster.advance(60_000);
    cluster.settle();
    const stuck = cluster.task("web", 1).id;
    expect(status(cluster)).to.match(/^paused: /);
    cluster.change("web", {});
    cluster.settle();
    expect(status(cluster)).to.equal("updating: update in progress");
    expect(cluster.task("web", 1).id).not.to.equal(stuck);
  });

  it("gives a task that failed in the old version its successor in the new one", () => {
    const cluster = deployed({}, 1);
    force(cluster);
    cluster.report(cluster.task("web", 1).id, { state: "failed" });
    cluster.converge();
    expect(updated(cluster)).to.equal(1);
  });

  it("updates a completed task of condition none", () => {
    const cluster = deployed({}, 1);
    cluster.change("web", { task: { restart: { condition: "none" } } });
    cluster.converge();
    cluster.report(cluster.task("web", 1).id, { state: "complete" });
    cluster.advance(5000);
    cluster.converge();
    expect(status(cluster)).to.equal("completed: update completed");
    force(cluster);
    cluster.converge();
    expect(updated(cluster)).to.equal(1);
    expect(cluster.task("web", 1).status.state).to.equal("running");
  });
});
