import { nodeId } from "@skein/common/ids";
import type { Trust } from "@skein/common/model/trust";
import { expect } from "chai";
import type { Command } from "../command.ts";
import { createStore } from "../store.ts";
import { createBench, createCluster, joinNode } from "../testing.ts";

const sealed = { key: "k1", box: new Uint8Array([1, 2, 3]) };
const trust: Trust = {
  rootPem: "root",
  rootKey: sealed,
  workerSecret: sealed,
  managerSecret: sealed,
  certificateLifeMs: 1000,
  longestLifeMs: 5000,
  forceRotate: 0,
};
const setTrust = (specIndex: number, some: Partial<Trust> = {}): Command => ({
  kind: "set-trust",
  specIndex,
  labels: {},
  taskHistoryLimit: 5,
  trust: { ...trust, ...some },
});
const admit = (id: string): Command => ({
  kind: "admit-node",
  nodeId: nodeId(id),
  role: "worker",
  name: id,
  address: "10.0.0.9",
  availability: "active",
});

describe("the cluster's trust in the store", () => {
  it("is written by who read what is there, and by nobody else", () => {
    const { say, store } = createCluster();
    expect(say(setTrust(0))).to.equal("accepted");
    const { specIndex = 0 } = store.view.cluster ?? {};
    expect(specIndex).to.equal(store.view.index);
    expect(say(setTrust(0))).to.equal("version-conflict: update out of sequence");
    expect(say(setTrust(specIndex, { forceRotate: 1 }))).to.equal("accepted");
    expect(store.view.cluster?.trust?.forceRotate).to.equal(1);
  });

  it("admits a node once; the session completes it", () => {
    const { say, store } = createCluster();
    expect(say(admit("n7"))).to.equal("accepted");
    expect(say(admit("n7"))).to.equal("accepted; n7: known already");
    expect(store.view.nodes.get(nodeId("n7"))?.status.state).to.equal("unknown");
    expect(say(joinNode("n7"))).to.equal("accepted");
    expect(store.view.nodes.get(nodeId("n7"))?.status.state).to.equal("ready");
  });

  it("never takes a removed node back, until no certificate of it can be valid", () => {
    const { say, run, store } = createCluster();
    run(setTrust(0));
    run(admit("n7"));
    const remove: Command = { kind: "remove-node", nodeId: nodeId("n7"), force: true };
    expect(say(remove)).to.equal("accepted");
    expect(say(admit("n7"))).to.match(/^node-removed: node n7 was removed/);
    expect(say(joinNode("n7"))).to.match(/^node-removed/);
    const removed = store.view.cluster?.removed ?? [];
    expect(removed.map((one) => one.nodeId)).to.deep.equal(["n7"]);
    const later = (removed[0]?.until ?? 0) + 1;
    run(admit("n8"));
    run({ kind: "remove-node", nodeId: nodeId("n8"), force: true }, { wall: later });
    expect(store.view.cluster?.removed?.map((one) => one.nodeId)).to.deep.equal(["n8"]);
  });

  it("survives a snapshot", () => {
    const { run, store } = createCluster();
    run(setTrust(0, { next: { rootPem: "next", rootKey: sealed, crossPem: "cross" } }));
    run(admit("n7"));
    run({ kind: "remove-node", nodeId: nodeId("n7"), force: true });
    const copy = createBench(createStore()).store;
    const restored = copy.restore(store.view.index, store.snapshot());
    expect(restored.ok).to.equal(true);
    expect(copy.digest()).to.equal(store.digest());
  });
});
