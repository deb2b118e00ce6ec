import { expect } from "chai";
import { enforce } from "./enforce.ts";
import { SmallCluster } from "./small-cluster.test.ts";

function placed(): SmallCluster {
  const cluster = new SmallCluster();
  cluster.join("w1", { labels: { zone: "a" } });
  cluster.create("web", { task: { constraints: ["node.labels.zone==a"] } });
  cluster.converge();
  return cluster;
}

describe("enforce", () => {
  it("ends and replaces a task whose node lost the label", () => {
    const cluster = placed();
    cluster.join("w2", { labels: { zone: "A" } });
    cluster.setNode("w1", { labels: {} });
    cluster.converge();
    const reason = "node w1 no longer satisfies node.labels.zone==a";
    expect(cluster.slot("web", 1).reason).to.equal(reason);
    expect(cluster.describe("web")).to.deep.equal([
      "web.1 w1 shutdown wanted=shutdown",
      "web.1 w2 running",
    ]);
  });

  it("holds tasks to the constraints the service has now", () => {
    const cluster = placed();
    cluster.join("w2", { labels: { zone: "b" } });
    cluster.change("web", { task: { constraints: ["node.labels.zone==b"] } });
    cluster.converge();
    expect(cluster.task("web", 1).nodeId).to.equal("w2");
  });

  it("leaves a task alone that still fits new constraints", () => {
    const cluster = placed();
    cluster.change("web", { task: { constraints: ["node.role==worker"] } });
    cluster.converge();
    expect(cluster.describe("web")).to.deep.equal(["web.1 w1 running"]);
  });

  for (const availability of ["pause", "drain"] as const) {
    it(`leaves the tasks of a node on ${availability} to others`, () => {
      const cluster = placed();
      cluster.setNode("w1", { labels: {}, availability });
      expect(cluster.decide(enforce).commands).to.deep.equal([]);
    });
  }
});
