import type { ServiceSpec, UpdateConfig } from "@skein/common/model/service";
import { expect } from "chai";
import { routesOf } from "../dispatcher/routes.ts";
import { controllers } from "./controllers.ts";
import { SmallCluster } from "./small-cluster.test.ts";

const CONFIG: UpdateConfig = {
  parallelism: 1,
  delayMs: 0,
  failureAction: "pause",
  monitorMs: 5000,
  maxFailureRatioMilli: 0,
  order: "blue-green",
};
const PORT = { protocol: "tcp", targetPort: 80, publishedPort: 8080, mode: "ingress" } as const;
const STANDBY_MS = 600_000;

/** Three tasks on three nodes, converged, with a published port. */
function deployed(
  config: Partial<UpdateConfig> = {},
  spec: Partial<ServiceSpec> = {},
): SmallCluster {
  const cluster = new SmallCluster();
  for (const name of ["w1", "w2", "w3"]) cluster.join(name);
  const update = { ...CONFIG, ...config };
  cluster.create("web", { replicas: 3, update, ports: [PORT], ...spec });
  cluster.converge();
  cluster.advance(60_000);
  return cluster;
}

function release(cluster: SmallCluster): void {
  const { forceUpdate } = cluster.service("web").spec.task;
  cluster.change("web", { task: { forceUpdate: forceUpdate + 1 } });
}

function rollBack(cluster: SmallCluster): void {
  const { id: serviceId, version, spec } = cluster.service("web");
  cluster.apply({ kind: "update-service", serviceId, version, spec, rollback: true });
}

/** Ids of the tasks that get the traffic, as every node is told. */
function serving(cluster: SmallCluster): readonly string[] {
  const routes = routesOf(cluster.view).flatMap(({ backends }) => backends);
  return routes.map(({ taskId }) => String(taskId)).toSorted();
}

function named(cluster: SmallCluster): readonly string[] {
  const { id } = cluster.service("web");
  const slots = cluster.view.slotsOfService(id);
  return slots.map(({ taskId }) => String(taskId)).toSorted();
}

function status(cluster: SmallCluster): string {
  const { updateStatus } = cluster.service("web");
  return updateStatus === undefined ? "" : `${updateStatus.state}: ${updateStatus.message}`;
}

/** Tells that the named task of a slot runs, in rotation. */
function start(cluster: SmallCluster, slot: number): void {
  cluster.report(cluster.task("web", slot).id, { state: "running", inRotation: true });
  cluster.settle();
}

function fail(cluster: SmallCluster, slot: number): void {
  const { id } = cluster.task("web", slot);
  cluster.report(id, { state: "failed", error: "task: non-zero exit (1)" });
  cluster.settle();
}

describe("blue-green", () => {
  it("makes the whole second set at once and takes nothing from the first", () => {
    const cluster = deployed();
    const blue = serving(cluster);
    release(cluster);
    cluster.settle();
    expect(named(cluster)).to.have.length(3);
    expect(named(cluster).filter((id) => blue.includes(id))).to.deep.equal([]);
    expect(serving(cluster)).to.deep.equal(blue);
    expect(cluster.tasks("web").filter(({ desired }) => desired === "running")).to.have.length(6);
  });

  it("switches the traffic in one step, when the last task is in rotation (B1, O16)", () => {
    const cluster = deployed();
    const blue = serving(cluster);
    release(cluster);
    cluster.settle();
    start(cluster, 1);
    start(cluster, 2);
    expect(serving(cluster)).to.deep.equal(blue);
    start(cluster, 3);
    expect(serving(cluster)).to.deep.equal(named(cluster));
    expect(status(cluster)).to.equal("updating: update in progress: the new set has the traffic");
    cluster.advance(5000);
    cluster.settle();
    expect(status(cluster)).to.equal("completed: update completed");
  });

  it("is over in one step when nothing is wanted any more", () => {
    const cluster = deployed();
    release(cluster);
    cluster.settle();
    cluster.change("web", { replicas: 0 });
    cluster.settle();
    expect(status(cluster)).to.equal("completed: update completed");
    const { traffic, taskIndex } = cluster.service("web");
    expect(traffic).to.deep.equal({ taskIndex, since: traffic?.since });
    expect(serving(cluster)).to.deep.equal([]);
  });

  it("keeps the first set for a way back, and ends it when its time is over", () => {
    const cluster = deployed();
    const blue = serving(cluster);
    release(cluster);
    cluster.converge();
    const kept = () => cluster.tasks("web").filter((task) => task.desired === "running").length;
    cluster.advance(STANDBY_MS - 1);
    cluster.converge();
    expect(kept()).to.equal(6);
    cluster.advance(1);
    cluster.converge();
    expect(kept()).to.equal(3);
    expect(serving(cluster).filter((id) => blue.includes(id))).to.deep.equal([]);
  });

  it("ends the first set at once where nothing is to stand by", () => {
    const cluster = deployed({}, { standbyMs: 0 });
    release(cluster);
    cluster.converge();
    expect(cluster.tasks("web").filter(({ desired }) => desired === "running")).to.have.length(3);
  });

  it("goes back at once while the first set stands by: the same tasks, in one entry (B3)", () => {
    const cluster = deployed();
    const blue = serving(cluster);
    release(cluster);
    cluster.converge();
    cluster.advance(60_000);
    cluster.converge();
    rollBack(cluster);
    expect(serving(cluster)).to.deep.equal(blue);
    expect(named(cluster)).to.deep.equal(blue);
    cluster.converge();
    expect(status(cluster)).to.match(/^rollback_/);
    cluster.advance(5000);
    cluster.converge();
    expect(status(cluster)).to.equal("rollback_completed: rollback completed");
    expect(serving(cluster)).to.deep.equal(blue);
    expect(cluster.tasks("web").filter(({ desired }) => desired === "running")).to.have.length(3);
  });

  it("goes back to a new set when the first is gone", () => {
    const cluster = deployed();
    release(cluster);
    cluster.converge();
    cluster.advance(STANDBY_MS);
    cluster.converge();
    const green = serving(cluster);
    rollBack(cluster);
    cluster.settle();
    expect(serving(cluster)).to.deep.equal(green);
    cluster.converge();
    expect(serving(cluster)).to.deep.equal(named(cluster));
    expect(serving(cluster).filter((id) => green.includes(id))).to.deep.equal([]);
  });

  it("pauses on failure with all of the traffic where it was", () => {
    const cluster = deployed();
    const blue = serving(cluster);
    release(cluster);
    cluster.settle();
    start(cluster, 1);
    fail(cluster, 2);
    expect(status(cluster)).to.match(/^paused: update paused due to failure/);
    expect(serving(cluster)).to.deep.equal(blue);
    cluster.advance(3_600_000);
    cluster.converge();
    expect(serving(cluster)).to.deep.equal(blue);
  });

  it("rolls back by itself: the first set never lost the traffic and keeps its tasks", () => {
    const cluster = deployed({ failureAction: "rollback" });
    const blue = serving(cluster);
    release(cluster);
    cluster.settle();
    start(cluster, 1);
    fail(cluster, 2);
    cluster.converge();
    expect(serving(cluster)).to.deep.equal(blue);
    expect(named(cluster)).to.deep.equal(blue);
    cluster.advance(5000);
    cluster.converge();
    expect(status(cluster)).to.equal("rollback_completed: rollback completed");
  });

  it("goes back when the new set fails under the traffic, within the monitor period", () => {
    const cluster = deployed({ failureAction: "rollback" });
    const blue = serving(cluster);
    release(cluster);
    cluster.settle();
    start(cluster, 1);
    start(cluster, 2);
    // Long after its own start, yet soon after the traffic came.
    cluster.advance(9000);
    start(cluster, 3);
    cluster.advance(4000);
    fail(cluster, 1);
    expect(status(cluster)).to.match(/rolled back due to failure/);
    expect(serving(cluster)).to.deep.equal(blue);
  });

  it("ends by its deadline when a new task never serves", () => {
    const cluster = deployed();
    const blue = serving(cluster);
    release(cluster);
    cluster.settle();
    start(cluster, 1);
    start(cluster, 2);
    cluster.report(cluster.task("web", 3).id, { state: "running", inRotation: false });
    cluster.settle();
    cluster.advance(10_000);
    cluster.settle();
    expect(status(cluster)).to.match(/^paused: /);
    expect(serving(cluster)).to.deep.equal(blue);
  });

  it("never switches to a set of which nothing is in rotation (O16)", () => {
    const cluster = deployed({ failureAction: "continue" });
    const blue = serving(cluster);
    cluster.change("web", { task: { forceUpdate: 1, restart: { condition: "none" } } });
    cluster.settle();
    for (const slot of [1, 2, 3]) fail(cluster, slot);
    expect(status(cluster)).to.match(/^paused: .*no task of the new set is in rotation/);
    expect(serving(cluster)).to.deep.equal(blue);
  });

  it("starts over with a third version, and the traffic stays until that one is ready (B2)", () => {
    const cluster = deployed();
    const blue = serving(cluster);
    release(cluster);
    cluster.settle();
    start(cluster, 1);
    release(cluster);
    cluster.settle();
    expect(serving(cluster)).to.deep.equal(blue);
    cluster.converge();
    expect(serving(cluster)).to.deep.equal(named(cluster));
    // The set in between is gone; the first stands by.
    expect(cluster.tasks("web").filter(({ desired }) => desired === "running")).to.have.length(6);
  });

  it("begins a rolling update with what serves, when the order is changed in between", () => {
    const cluster = deployed();
    const blue = serving(cluster);
    release(cluster);
    cluster.settle();
    start(cluster, 1);
    const update: UpdateConfig = { ...CONFIG, order: "stop-first" };
    cluster.change("web", { update, task: { forceUpdate: 9 } });
    cluster.settle();
    expect(
      serving(cluster).filter((id) => blue.includes(id)),
      "still serving",
    ).to.have.length(2);
    cluster.converge();
    cluster.advance(5000);
    cluster.converge();
    expect(status(cluster)).to.equal("completed: update completed");
    expect(serving(cluster)).to.deep.equal(named(cluster));
  });

  it("goes on when the settings are changed in between", () => {
    const cluster = deployed();
    release(cluster);
    cluster.settle();
    cluster.change("web", { replicas: 5 });
    cluster.converge();
    expect(serving(cluster)).to.have.length(5);
    expect(serving(cluster)).to.deep.equal(named(cluster));
  });

  it("switches only a majority back: less would be crushed by what all of them carried", () => {
    const cluster = deployed();
    release(cluster);
    cluster.converge();
    const green = serving(cluster);
    const standing = cluster.tasks("web").filter(({ id }) => !green.includes(String(id)));
    for (const { id } of standing.slice(0, 2)) cluster.report(id, { state: "failed" });
    rollBack(cluster);
    cluster.settle();
    expect(serving(cluster)).to.deep.equal(green);
    cluster.converge();
    expect(serving(cluster)).to.deep.equal(named(cluster));
  });

  it("serves from the new set when the first is lost while it is made", () => {
    const cluster = deployed();
    release(cluster);
    cluster.settle();
    start(cluster, 1);
    const green = String(cluster.task("web", 1).id);
    for (const { id, taskIndex } of cluster.tasks("web")) {
      if (taskIndex !== cluster.service("web").taskIndex) cluster.report(id, { state: "failed" });
    }
    expect(serving(cluster)).to.deep.equal([green]);
  });

  it("empties a drained node of a set that stands by, at once", () => {
    const cluster = deployed();
    release(cluster);
    cluster.converge();
    cluster.setNode("w1", { availability: "drain" });
    cluster.converge();
    const left = cluster.tasks("web").filter(({ nodeId, status: { state } }) => {
      return nodeId === "w1" && state === "running";
    });
    expect(left).to.deep.equal([]);
  });

  it("decides nothing twice at any of its steps", () => {
    const cluster = deployed();
    release(cluster);
    for (const step of [1, 2, 3, 4, 5, 6]) {
      for (const { name, decide } of controllers) {
        cluster.run(decide);
        expect(cluster.decide(decide).commands, `${name}, step ${step}`).to.deep.equal([]);
      }
      cluster.oblige();
      cluster.advance(2000);
    }
    expect(status(cluster)).to.equal("completed: update completed");
  });
});
