import type { TaskStatus } from "@skein/common/model/task";
import { expect } from "chai";
import { promote } from "./promote.ts";
import { restart } from "./restart.ts";
import { SmallCluster } from "./small-cluster.test.ts";

type Condition = "none" | "on-failure" | "any";

/** web.1 runs on w1; there is a w2, too. */
function running(condition: Condition = "any"): SmallCluster {
  const cluster = new SmallCluster();
  cluster.join("w1");
  cluster.create("web", { task: { restart: { condition } } });
  cluster.converge();
  cluster.join("w2");
  return cluster;
}

function end(cluster: SmallCluster, state: TaskStatus["state"] = "failed"): void {
  cluster.report(cluster.task("web", 1).id, { state, error: "task: non-zero exit (1)" });
}

describe("restart", () => {
  it("replaces a failed task at once the first time (O4)", () => {
    const cluster = running();
    end(cluster);
    cluster.run(restart);
    expect(cluster.describe("web")).to.deep.equal([
      "web.1 w1 failed wanted=shutdown",
      "web.1 - pending",
    ]);
    expect(cluster.slot("web", 1)).to.include({
      generation: 2,
      failures: 1,
      reason: "task: non-zero exit (1)",
    });
    expect(cluster.decide(restart)).to.deep.equal({ commands: [] });
  });

  it("holds the second retry back until its stored time has come (O4, O6)", () => {
    const cluster = running();
    end(cluster);
    cluster.converge();
    cluster.advance(50);
    end(cluster);
    cluster.advance(20);
    cluster.run(restart);
    expect(cluster.task("web", 1).desired).to.equal("ready");
    const startAt = cluster.now - 20 + 250;
    expect(cluster.slot("web", 1)).to.include({ failures: 2, startAt });
    expect(cluster.decide(promote)).to.deep.equal({ commands: [], again: startAt });
    cluster.advance(230);
    cluster.run(promote);
    expect(cluster.task("web", 1).desired).to.equal("running");
    expect(cluster.decide(promote)).to.deep.equal({ commands: [] });
  });

  it("forgets earlier failures once a task ran for 10 s", () => {
    const cluster = running();
    for (const runMs of [0, 0, 10_000]) {
      cluster.advance(30_000);
      cluster.converge();
      cluster.advance(runMs);
      end(cluster);
      cluster.run(restart);
    }
    expect(cluster.slot("web", 1).failures).to.equal(1);
    expect(cluster.task("web", 1).desired).to.equal("running");
  });

  it("replaces the task of a node that is down at once, without a failure (O3, O5)", () => {
    const cluster = running();
    cluster.down("w1");
    cluster.run(restart);
    expect(cluster.describe("web")).to.deep.equal([
      "web.1 w1 running wanted=shutdown",
      "web.1 - pending",
    ]);
    const reason = "node w1 is down: silent for 3 s";
    expect(cluster.slot("web", 1)).to.include({ failures: 0, reason });
    expect(cluster.decide(restart)).to.deep.equal({ commands: [] });
  });

  it("replaces the task of a node that was removed", () => {
    const cluster = running();
    cluster.apply({ kind: "remove-node", nodeId: cluster.node("w1").id, force: true });
    cluster.converge();
    expect(cluster.task("web", 1)).to.include({ nodeId: "w2", generation: 2 });
  });

  it("leaves the task of a paused node alone", () => {
    const cluster = running();
    cluster.setNode("w1", { availability: "pause" });
    expect(cluster.decide(restart)).to.deep.equal({ commands: [] });
  });

  const kept: readonly { condition: Condition; state: TaskStatus["state"] }[] = [
    { condition: "none", state: "complete" },
    { condition: "none", state: "failed" },
    { condition: "none", state: "rejected" },
    { condition: "on-failure", state: "complete" },
  ];
  for (const { condition, state } of kept) {
    it(`keeps a task that is ${state} under condition ${condition}`, () => {
      const cluster = running(condition);
      end(cluster, state);
      cluster.converge();
      expect(cluster.describe("web")).to.deep.equal([`web.1 w1 ${state}`]);
    });
  }

  it("stops the task of a drained node under condition none, without a successor", () => {
    const cluster = running("none");
    cluster.setNode("w1", { availability: "drain" });
    cluster.converge();
    expect(cluster.describe("web")).to.deep.equal(["web.1 w1 shutdown wanted=shutdown"]);
  });

  it("stops trying when the attempts are used up", () => {
    const cluster = new SmallCluster(1);
    cluster.join("w1");
    cluster.create("web", { task: { restart: { condition: "any", delayMs: 0, maxAttempts: 3 } } });
    for (let round = 0; round < 6; round += 1) {
      cluster.converge();
      if (cluster.task("web", 1).status.state === "running") end(cluster);
    }
    expect(cluster.task("web", 1)).to.deep.include({ generation: 4, desired: "running" });
    expect(cluster.task("web", 1).status.state).to.equal("failed");
  });

  it("tries a rejected task again with the same waits", () => {
    const cluster = running();
    for (let round = 0; round < 3; round += 1) {
      end(cluster, "rejected");
      cluster.advance(1);
      cluster.settle();
      cluster.advance(10_000);
      cluster.settle();
    }
    expect(cluster.slot("web", 1)).to.include({ failures: 3, generation: 4 });
  });
});
