import { expect } from "chai";
import { replicated } from "./replicated.ts";
import { SmallCluster } from "./small-cluster.test.ts";

describe("replicated", () => {
  it("makes a slot a replica, lowest numbers first", () => {
    const cluster = new SmallCluster();
    cluster.create("web", { replicas: 3 });
    expect(cluster.run(replicated)).to.have.length(1);
    expect(cluster.describe("web")).to.deep.equal(["web.1", "web.2", "web.3"].map(pending));
    expect(cluster.run(replicated)).to.deep.equal([]);
  });

  it("makes a hundred slots with one command and a thousand with two", () => {
    const cluster = new SmallCluster();
    cluster.create("web", { replicas: 100 });
    cluster.create("big", { replicas: 1000 });
    const sizes = cluster
      .run(replicated)
      .map((one) => one.kind === "fill-slots" && one.items.length);
    expect(sizes).to.deep.equal([500, 500, 100]);
  });

  it("fills the gaps that scaling down left (O1)", () => {
    const cluster = new SmallCluster();
    cluster.join("w1");
    cluster.create("web", { replicas: 3 });
    cluster.converge();
    cluster.report(cluster.task("web", 2).id, { state: "failed" });
    cluster.change("web", { replicas: 2 });
    cluster.run(replicated);
    cluster.change("web", { replicas: 3 });
    cluster.run(replicated);
    const slots = cluster.view.slotsOfService(cluster.service("web").id);
    expect(slots.map(({ slot }) => slot)).to.deep.equal([1, 2, 3]);
  });

  const downCases = [
    { name: "the highest first", states: ["serving", "serving", "serving"], gone: [3] },
    {
      name: "one that does not run before one that does",
      states: ["waiting", "serving", "serving"],
      gone: [1],
    },
    {
      name: "one that is not in rotation before one that is",
      states: ["running", "serving", "serving"],
      gone: [1],
    },
    { name: "several at once", states: ["serving", "waiting", "serving"], gone: [2, 3], to: 1 },
    { name: "all", states: ["serving", "waiting", "running"], gone: [2, 3, 1], to: 0 },
  ] as const;
  for (const { name, states, gone, ...rest } of downCases) {
    it(`scales down by ${name} (O2)`, () => {
      const cluster = new SmallCluster();
      cluster.join("w1");
      cluster.create("web", { replicas: 3 });
      cluster.settle();
      states.forEach((state, index) => {
        const { id } = cluster.task("web", index + 1);
        if (state === "running") cluster.report(id, { state: "running" });
        if (state === "serving") cluster.report(id, { state: "running", inRotation: true });
      });
      cluster.change("web", { replicas: "to" in rest ? rest.to : 2 });
      const [command] = cluster.run(replicated);
      expect(
        command?.kind === "remove-slots" && command.items.map(({ slot }) => slot),
      ).to.deep.equal(gone);
      expect(cluster.run(replicated)).to.deep.equal([]);
    });
  }

  it("leaves a removed service alone", () => {
    const cluster = new SmallCluster();
    cluster.create("web");
    cluster.apply({ kind: "remove-service", serviceId: cluster.service("web").id });
    expect(cluster.decide(replicated).commands).to.deep.equal([]);
  });
});

function pending(name: string): string {
  return `${name} - pending`;
}
