import { nodeId, sessionId } from "@skein/common/ids";
import type { Trust } from "@skein/common/model/trust";
import { storeTime } from "@skein/common/time";
import { expect } from "chai";
import { rotationProblems } from "../control/root-rotation.ts";
import { ROOT_SETTLE_MS } from "../limits.ts";
import type { Command } from "../store/command.ts";
import type { Bench } from "../store/testing.ts";
import { createCluster, describeNode, joinNode, setNodeState } from "../store/testing.ts";
import { rotateRoot } from "./rotate-root.ts";

const sealed = { key: "k1", box: new Uint8Array([1]) };
const OLD = { rootPem: "old root", rootKey: sealed };
const NEXT = { rootPem: "next root", rootKey: sealed, crossPem: "cross", digest: "next" };
const trust: Trust = {
  ...OLD,
  next: NEXT,
  workerSecret: sealed,
  managerSecret: sealed,
  certificateLifeMs: 1000,
  longestLifeMs: 1000,
  forceRotate: 1,
};

/** The manager m1 and the worker n1, while the root is being replaced. */
function rotating(): Bench {
  const bench = createCluster();
  bench.run(joinNode("m1"));
  const settings = { labels: {}, taskHistoryLimit: 5 };
  bench.run({ kind: "set-trust", specIndex: 0, ...settings, trust });
  return bench;
}

function renewed(name: string, issuer = "next"): Command {
  const description = { ...describeNode(name), tls: { issuer, roots: ["old", "next"] } };
  const session = sessionId(`s-${name}`);
  return { kind: "describe-node", nodeId: nodeId(name), session, description };
}

/** What the decider wants after a time: "wait 2500", "end-root-rotation", or nothing. */
function decided({ store }: Bench, afterMs: number): string {
  const now = storeTime(store.view.time + afterMs);
  const context = { view: store.view, now, wall: 0, newId: () => "" };
  const { commands, again } = rotateRoot(context);
  if (again !== undefined) return `wait ${again - now}`;
  return commands.map(({ kind }) => kind).join(" ");
}

describe("the end of a root's rotation", () => {
  it("waits for every node's certificate, and then a moment longer", () => {
    const bench = rotating();
    expect(decided(bench, 0)).to.equal("");
    bench.run(renewed("m1"));
    expect(decided(bench, 60_000)).to.equal("");
    bench.run(renewed("n1", "old"));
    expect(decided(bench, 60_000)).to.equal("");
    bench.run(renewed("n1"));
    expect(decided(bench, 100)).to.equal(`wait ${ROOT_SETTLE_MS - 100}`);
    expect(decided(bench, ROOT_SETTLE_MS)).to.equal("end-root-rotation");
  });

  it("waits for a node that is down, and says so; not for one that was removed", () => {
    const bench = rotating();
    bench.run(renewed("m1"));
    bench.run(setNodeState("n1", "down"));
    expect(decided(bench, 60_000)).to.equal("");
    expect(rotationProblems(bench.store.view).map(({ problem }) => problem)).to.deep.equal([
      "the old root certificate is trusted until n1 renewed",
    ]);
    bench.run({ kind: "remove-node", nodeId: nodeId("n1"), force: true });
    expect(decided(bench, 60_000)).to.equal("end-root-rotation");
  });

  it("counts a node in again that comes back with the certificate it had", () => {
    const bench = rotating();
    bench.run(renewed("m1"));
    bench.run(renewed("n1"));
    const description = { ...describeNode("n1"), tls: { issuer: "old", roots: ["old"] } };
    bench.run({ ...joinNode("n1", "s-2"), description });
    expect(decided(bench, 60_000)).to.equal("");
  });

  it("makes the next root the only one, once, and nothing brings the old one back", () => {
    const bench = rotating();
    const { store, say } = bench;
    const end: Command = { kind: "end-root-rotation", issuer: "next" };
    const other: Command = { kind: "end-root-rotation", issuer: "other" };
    bench.run(renewed("m1"));
    expect(say(end)).to.match(/a node shows a certificate of another root$/);
    bench.run(renewed("n1"));
    const read = store.view.cluster?.specIndex ?? 0;
    expect(say(other)).to.match(/no rotation to that root is under way$/);
    expect(say(end)).to.equal("accepted");
    expect(store.view.cluster?.trust).to.include({ rootPem: "next root" });
    expect(store.view.cluster?.trust).not.to.have.property("next");
    expect(say(end)).to.match(/no rotation to that root is under way$/);
    expect(decided(bench, 60_000)).to.equal("");
    const settings = { labels: {}, taskHistoryLimit: 5 };
    const late: Command = { kind: "set-trust", specIndex: read, ...settings, trust };
    expect(say(late)).to.equal("version-conflict: update out of sequence");
  });

  it("takes a description in its session only", () => {
    const bench = rotating();
    expect(bench.say({ ...renewed("n1"), session: sessionId("s-0") } as Command)).to.equal(
      "accepted; n1: node has another session",
    );
    expect(bench.say(renewed("n1"))).to.equal("accepted");
    expect(bench.say(renewed("n1"))).to.equal("accepted; n1: unchanged");
  });
});
