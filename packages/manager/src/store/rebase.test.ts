import { clusterId, logIndex, nodeId, raftId } from "@skein/common/ids";
import { isTerminal } from "@skein/common/model/task-state";
import type { RestorePlan } from "@skein/common/wire/backup";
import { expect } from "chai";
import fc from "fast-check";
import { storeFaults } from "./invariants.ts";
import { drawArbitrary, envelopeOf } from "./random-commands.testing.ts";
import { rebase } from "./rebase.ts";
import type { Store } from "./store.ts";
import { createStore } from "./store.ts";
import { createCluster, createService, fillSlots, joinNode } from "./testing.ts";

const AHEAD = 1_000_000;

function planFor(store: Store, taskPool: string, over: Partial<RestorePlan> = {}): RestorePlan {
  const nodes = store.view.nodes.list().map((node, at) => {
    const { role, availability } = node.spec;
    const base = { nodeId: nodeId(`new-${at}`), from: node.id, name: `n-${at}`, role };
    const member = { raftId: raftId(`r-${at}`), address: `127.0.2.${at + 1}:2377` };
    const address = `127.0.2.${at + 1}`;
    return { ...base, availability, address, ...(role === "manager" ? { member } : {}) };
  });
  const cluster = { id: clusterId("other"), name: "again", taskPool };
  return { format: 1, at: 5, index: logIndex(store.view.index + AHEAD), cluster, nodes, ...over };
}

function begun(store: Store, plan: RestorePlan): Store {
  const bytes = rebase(store.snapshot(), plan);
  if (!bytes.ok) throw new Error(bytes.error.reason);
  const next = createStore();
  const restored = next.restore(plan.index, bytes.value);
  if (!restored.ok) throw new Error(restored.error.reason);
  return next;
}

describe("a restored state", () => {
  function grown(): Store {
    const bench = createCluster("10.65.0.0/16");
    bench.run(joinNode("w1"));
    bench.run(createService("web"));
    bench.run(fillSlots(bench.store, "web", { 1: "t1", 2: "t2" }));
    const items = bench.store.view.tasks.list().slice(0, 1);
    bench.run({
      kind: "assign-tasks",
      items: items.map(({ id }) => ({ taskId: id, nodeId: nodeId("w1") })),
    });
    return bench.store;
  }

  it("has the plan's cluster and nodes, and the old services", () => {
    const old = grown();
    const plan = planFor(old, "10.70.0.0/16");
    const { view } = begun(old, plan);
    expect(view.cluster).to.deep.include({ id: "other", name: "again", taskPool: "10.70.0.0/16" });
    expect(view.nodes.list().map(({ id }) => id)).to.deep.equal(plan.nodes.map((n) => n.nodeId));
    expect(view.serviceByName("web")).to.deep.equal(old.view.serviceByName("web"));
    expect(view.index).to.equal(old.view.index + AHEAD);
  });

  it("orphans what ran, and leaves alone what waits (J3)", () => {
    const old = grown();
    const states = begun(old, planFor(old, "10.65.0.0/16"))
      .view.tasks.list()
      .map(({ status }) => status.state);
    expect(states).to.deep.equal(["orphaned", "pending"]);
  });

  it("moves addresses into the new pool, at the same place (J4)", () => {
    const old = grown();
    const addresses = begun(old, planFor(old, "10.70.0.0/16"))
      .view.tasks.list()
      .map(({ address }) => address);
    expect(addresses).to.deep.equal(["10.70.0.2", "10.70.0.3"]);
  });

  it("tells older watches that what they ask for is forgotten (J1)", () => {
    const old = grown();
    const next = begun(old, planFor(old, "10.65.0.0/16"));
    expect(next.changesSince(old.view.index)).to.equal(undefined);
    expect(next.changesSince(logIndex(old.view.index + AHEAD - 1))).to.equal(undefined);
    expect(next.changesSince(next.view.index)).to.deep.equal([]);
  });

  it("is refused with pools of two sizes, or an index that is not above the old", () => {
    const old = grown();
    const said = (plan: RestorePlan): string => {
      const result = rebase(old.snapshot(), plan);
      return result.ok ? "made" : result.error.reason;
    };
    expect(said(planFor(old, "10.64.0.0/10"))).to.match(/pools/);
    expect(said(planFor(old, "10.65.0.0/16", { index: old.view.index }))).to.match(/not below/);
  });

  it("keeps the store's invariants, whatever the old state was", function () {
    this.timeout(30_000);
    const history = fc.array(drawArbitrary, { minLength: 1, maxLength: 120, size: "max" });
    let rebased = 0;
    fc.assert(
      fc.property(history, (draws) => {
        const old = createStore();
        for (const draw of draws)
          old.apply(logIndex(old.view.index + 1), envelopeOf(old.view, draw));
        if (old.view.cluster === undefined) return;
        rebased += 1;
        const next = begun(old, planFor(old, old.view.cluster.taskPool));
        expect(storeFaults(next.view)).to.deep.equal([]);
        const running = next.view.tasks
          .list()
          .filter(({ nodeId: at, status }) => at !== undefined && !isTerminal(status.state));
        expect(running).to.deep.equal([]);
      }),
      { numRuns: 40, seed: Number(process.env["SEED"] ?? 20_261_123) },
    );
    expect(rebased).to.be.above(10);
  });
});
