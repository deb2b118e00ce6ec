import { expect } from "chai";
import fc from "fast-check";
import { SmallCluster } from "../orchestrator/small-cluster.test.ts";
import type { KeptNodes } from "./kept-nodes.ts";
import { freshNodes, keptNodes } from "./kept-nodes.ts";

function shown(nodes: KeptNodes): readonly unknown[] {
  return nodes.candidates.map(({ info }) => {
    const { id, isReady, tasks, freeNanoCpus, hostPorts } = info;
    return { id, isReady, tasks, freeNanoCpus, ports: [...hostPorts] };
  });
}

function emptiest(nodes: KeptNodes): string | undefined {
  return nodes.emptiest(0, () => true)?.info.id;
}

describe("kept nodes", () => {
  it("equal a count from nothing, whatever happened since the last run (N1)", () => {
    const act = fc.tuple(fc.nat(7), fc.nat(3), fc.nat(4));
    fc.assert(
      fc.property(fc.array(act, { maxLength: 25 }), (acts) => {
        const cluster = new SmallCluster();
        for (const name of ["n0", "n1", "n2"]) cluster.join(name);
        const cpus = { reservedNanoCpus: 500_000_000 };
        cluster.create("s0", { replicas: 2, task: cpus });
        cluster.create("s1", { replicas: 1 });
        for (const [kind, which, count] of acts) {
          const name = `n${which}`;
          if (kind === 0) cluster.join(name, { session: `s${cluster.view.index}` });
          else if (kind === 1 && cluster.view.nodes.list().some(({ id }) => id === name)) {
            cluster.setNode(name, { availability: count % 2 === 0 ? "drain" : "active" });
          } else if (kind === 2) cluster.change(`s${which % 2}`, { replicas: count });
          else if (kind === 3) cluster.change("s0", { task: { forceUpdate: cluster.view.index } });
          else if (kind === 4) cluster.advance(60_000);
          else if (kind === 5) cluster.oblige();
          else cluster.settle();
          const [kept, fresh] = [keptNodes(cluster.view), freshNodes(cluster.view)];
          expect(shown(kept)).to.deep.equal(shown(fresh));
          expect(emptiest(kept)).to.equal(emptiest(fresh));
        }
      }),
      { numRuns: 100 },
    );
  }).timeout(20_000);

  it("forget what a run booked and the store did not take", () => {
    const cluster = new SmallCluster();
    cluster.join("n0");
    cluster.create("web", { replicas: 1 });
    cluster.settleWithout("scheduler");
    const nodes = keptNodes(cluster.view);
    const [node] = nodes.candidates;
    const [task] = cluster.tasks("web");
    if (node === undefined || task === undefined) throw new Error("nothing to book");
    nodes.book(node, task);
    expect(node.info.tasks).to.equal(1);
    expect(keptNodes(cluster.view).candidates[0]?.info.tasks).to.equal(0);
  });
});
