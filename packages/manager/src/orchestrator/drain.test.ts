/** The story of a drain: nothing stops before its replacement serves. */
import { expect } from "chai";
import { DRAIN_SERVES_MS_MAX } from "../limits.ts";
import { restart } from "./restart.ts";
import { retire } from "./retire.ts";
import { SmallCluster } from "./small-cluster.test.ts";

/** One replica on w1, in rotation. */
function served(): SmallCluster {
  const cluster = new SmallCluster();
  cluster.join("w1");
  cluster.create("web", { replicas: 1 });
  cluster.converge();
  return cluster;
}

describe("a drained node", () => {
  it("keeps its task until the replacement is in rotation elsewhere", () => {
    const cluster = served();
    cluster.join("w2");
    cluster.setNode("w1", { availability: "drain" });
    cluster.settle();
    expect(cluster.describe("web")).to.deep.equal(["web.1 w1 running", "web.1 w2 assigned"]);
    cluster.report(cluster.task("web", 1).id, { state: "running" });
    cluster.settle();
    expect(cluster.describe("web")).to.deep.equal(["web.1 w1 running", "web.1 w2 running"]);
    cluster.report(cluster.task("web", 1).id, { state: "running", inRotation: true });
    cluster.converge();
    expect(cluster.describe("web")).to.deep.equal([
      "web.1 w1 shutdown wanted=shutdown",
      "web.1 w2 running",
    ]);
    expect(cluster.slot("web", 1)).to.include({ failures: 0, reason: "node w1 is drained" });
  });

  it("serves on while there is no room elsewhere, says why, and is empty in the end", () => {
    const cluster = served();
    cluster.setNode("w1", { availability: "drain" });
    cluster.settle();
    expect(cluster.task("web", 1).status.error).to.equal(
      "no suitable node (1 node not available for new tasks)",
    );
    expect(cluster.decide(retire).again).to.equal(cluster.now + DRAIN_SERVES_MS_MAX);
    cluster.advance(DRAIN_SERVES_MS_MAX);
    cluster.converge();
    expect(cluster.describe("web")).to.deep.equal([
      "web.1 w1 shutdown wanted=shutdown",
      "web.1 - pending",
    ]);
  });

  it("goes on serving while replacements fail", () => {
    const cluster = served();
    cluster.join("w2");
    cluster.setNode("w1", { availability: "drain" });
    cluster.settle();
    cluster.report(cluster.task("web", 1).id, { state: "failed" });
    cluster.settle();
    const serving = cluster.tasks("web").filter(({ status }) => status.inRotation === true);
    expect(serving.map(({ nodeId, desired }) => `${nodeId} ${desired}`)).to.deep.equal([
      "w1 running",
    ]);
  });

  it("is replaced at once where it does not serve, or goes down meanwhile", () => {
    const cluster = served();
    cluster.report(cluster.task("web", 1).id, { state: "running", inRotation: false });
    cluster.setNode("w1", { availability: "drain" });
    cluster.run(restart);
    expect(cluster.describe("web")).to.deep.equal([
      "web.1 w1 running wanted=shutdown",
      "web.1 - pending",
    ]);
    const other = served();
    other.setNode("w1", { availability: "drain" });
    other.settle();
    other.down("w1");
    other.settle();
    expect(other.describe("web")[0]).to.equal("web.1 w1 running wanted=shutdown");
  });

  it("may be removed while it drains: its task is given up in the same step", () => {
    const cluster = served();
    cluster.join("w2");
    cluster.setNode("w1", { availability: "drain" });
    cluster.settle();
    cluster.apply({ kind: "remove-node", nodeId: cluster.node("w1").id, force: true });
    cluster.converge();
    expect(cluster.describe("web")).to.deep.equal([
      "web.1 w1 orphaned wanted=shutdown",
      "web.1 w2 running",
    ]);
  });
});
