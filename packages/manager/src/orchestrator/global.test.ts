import { expect } from "chai";
import { schedule } from "../scheduler/schedule.ts";
import { global } from "./global.ts";
import { SmallCluster } from "./small-cluster.test.ts";

function threeNodes(constraints: readonly string[] = []): SmallCluster {
  const cluster = new SmallCluster();
  for (const name of ["w1", "w2", "w3"]) cluster.join(name);
  cluster.create("agent", { mode: { kind: "global" }, task: { constraints } });
  cluster.converge();
  return cluster;
}

function running(cluster: SmallCluster): readonly string[] {
  return cluster
    .tasks("agent")
    .filter(({ status, desired }) => status.state === "running" && desired === "running")
    .map(({ nodeId }) => String(nodeId))
    .sort();
}

describe("global services", () => {
  it("run one task on every node, and on one that joins", () => {
    const cluster = threeNodes();
    expect(running(cluster)).to.deep.equal(["w1", "w2", "w3"]);
    cluster.join("w4");
    cluster.converge();
    expect(running(cluster)).to.deep.equal(["w1", "w2", "w3", "w4"]);
    expect(cluster.decide(global).commands).to.deep.equal([]);
  });

  it("leave a drained node and come back to it; a paused node keeps its task (G2)", () => {
    const cluster = threeNodes();
    cluster.setNode("w1", { availability: "drain" });
    cluster.setNode("w2", { availability: "pause" });
    cluster.converge();
    expect(running(cluster)).to.deep.equal(["w2", "w3"]);
    cluster.setNode("w1", { availability: "active" });
    cluster.converge();
    expect(running(cluster)).to.deep.equal(["w1", "w2", "w3"]);
  });

  it("keep the slot of a node that is down, and replace nothing (G2)", () => {
    const cluster = threeNodes();
    cluster.down("w1");
    cluster.converge();
    expect(cluster.tasks("agent").length).to.equal(3);
    cluster.apply({ kind: "remove-node", nodeId: cluster.node("w1").id, force: true });
    cluster.converge();
    expect(running(cluster)).to.deep.equal(["w2", "w3"]);
  });

  it("follow constraints on labels", () => {
    const cluster = threeNodes(["node.labels.disk==ssd"]);
    expect(running(cluster)).to.deep.equal([]);
    cluster.setNode("w2", { labels: { disk: "ssd" } });
    cluster.converge();
    expect(running(cluster)).to.deep.equal(["w2"]);
    cluster.setNode("w2", { labels: {} });
    cluster.converge();
    expect(running(cluster)).to.deep.equal([]);
  });

  it("restart a failed task on its own node, and update node by node", () => {
    const cluster = threeNodes();
    const failed = cluster.task("agent", 2);
    cluster.report(failed.id, { state: "failed" });
    cluster.converge();
    expect(running(cluster)).to.deep.equal(["w1", "w2", "w3"]);
    cluster.change("agent", { task: { forceUpdate: 1 } });
    cluster.settle();
    const changed = cluster.tasks("agent").filter(({ desired }) => desired === "ready");
    expect(changed.length).to.equal(1);
    for (let round = 0; round < 5; round += 1) {
      cluster.converge();
      cluster.advance(6000);
    }
    expect(cluster.service("agent").updateStatus?.state).to.equal("completed");
    expect(running(cluster)).to.deep.equal(["w1", "w2", "w3"]);
  });

  it("say why a task waits for its node", () => {
    const cluster = new SmallCluster();
    cluster.join("w1", { cpus: 1 });
    const task = { reservedNanoCpus: 2_000_000_000 };
    cluster.create("agent", { mode: { kind: "global" }, task });
    cluster.settle();
    expect(cluster.task("agent", 1).status.error).to.equal(
      "no suitable node (insufficient resources on 1 node)",
    );
    expect(cluster.decide(schedule).commands).to.deep.equal([]);
  });
});
