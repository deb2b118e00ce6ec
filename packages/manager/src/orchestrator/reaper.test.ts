import { expect } from "chai";
import { reap } from "./reaper.ts";
import { SmallCluster } from "./small-cluster.test.ts";

const DAY_MS = 86_400_000;

function running(shape = {}, history = 5): SmallCluster {
  const cluster = new SmallCluster(history);
  cluster.join("w1");
  cluster.create("web", shape);
  cluster.converge();
  return cluster;
}

/** The task of web.1 ends and is replaced, so many times. */
function churn(cluster: SmallCluster, times: number): void {
  for (let count = 0; count < times; count += 1) {
    cluster.advance(60_000);
    cluster.converge();
    cluster.report(cluster.task("web", 1).id, { state: "failed" });
  }
  cluster.advance(60_000);
  cluster.converge();
}

describe("reap", () => {
  it("keeps as many tasks a slot as the limit says, the current one among them", () => {
    const cluster = running();
    churn(cluster, 8);
    const generations = cluster.tasks("web").map(({ generation }) => generation);
    expect(generations.sort((a, b) => a - b)).to.deep.equal([5, 6, 7, 8, 9]);
  });

  it("keeps no dead task when the limit is 0", () => {
    const cluster = running({}, 0);
    churn(cluster, 3);
    expect(cluster.tasks("web")).to.have.length(1);
  });

  it("keeps what restart attempts are counted from (O14)", () => {
    const cluster = running({ task: { restart: { condition: "any", maxAttempts: 7 } } }, 1);
    churn(cluster, 5);
    expect(cluster.tasks("web")).to.have.length(6);
  });

  it("ends a task that no node took and nobody wants", () => {
    const cluster = new SmallCluster();
    cluster.create("web", { replicas: 2 });
    cluster.settle();
    cluster.change("web", { replicas: 1 });
    cluster.settle();
    expect(cluster.describe("web")).to.deep.equal(["web.1 - pending"]);
  });

  it("deletes the task of a slot that is gone only when it has ended (O12)", () => {
    const cluster = running({ replicas: 2 });
    cluster.change("web", { replicas: 1 });
    cluster.settle();
    expect(cluster.describe("web")).to.deep.equal([
      "web.1 w1 running",
      "web.2 w1 running wanted=remove",
    ]);
    cluster.oblige();
    cluster.settle();
    expect(cluster.describe("web")).to.deep.equal(["web.1 w1 running"]);
  });

  it("deletes the history of a slot that is gone", () => {
    const cluster = running();
    churn(cluster, 2);
    cluster.change("web", { replicas: 0 });
    cluster.converge();
    expect(cluster.tasks("web")).to.deep.equal([]);
  });

  it("forgets a removed service after its last task (O13)", () => {
    const cluster = running();
    const { id } = cluster.service("web");
    cluster.apply({ kind: "remove-service", serviceId: id });
    cluster.settle();
    expect(cluster.view.services.get(id)?.removed).to.equal(true);
    cluster.converge();
    expect(cluster.view.services.get(id)).to.equal(undefined);
    expect(cluster.view.tasks.size).to.equal(0);
  });

  it("gives up the tasks of a node that is down for a day", () => {
    const cluster = running();
    const { id } = cluster.service("web");
    cluster.down("w1");
    cluster.apply({ kind: "remove-service", serviceId: id });
    expect(cluster.decide(reap)).to.deep.equal({ commands: [], again: cluster.now + DAY_MS });
    cluster.advance(DAY_MS);
    cluster.settle();
    expect(cluster.view.services.get(id)).to.equal(undefined);
  });

  it("deletes nothing of a node that came back before that", () => {
    const cluster = running();
    cluster.down("w1");
    cluster.advance(DAY_MS - 1);
    cluster.join("w1", { session: "s2" });
    cluster.advance(1);
    expect(cluster.decide(reap)).to.deep.equal({ commands: [] });
  });
});
