import { logIndex, raftId, term } from "@skein/common/ids";
import { expect } from "chai";
import type { SnapshotMeta } from "./protocol.ts";
import { TestCluster } from "./testing/test-cluster.ts";
import {
  accepted,
  append,
  electedMember,
  entriesFrom,
  rejected,
  snapshotOf,
  TestMember,
} from "./testing/test-member.ts";

describe("raft snapshots", () => {
  it("replace the log and the state; what follows applies behind them", () => {
    const follower = new TestMember({ id: "n2", log: [1, 1, 1], commit: 1 });
    follower.step({ kind: "wake" });
    receiveSnapshot(follower, snapshotOf(9, 2, {}));
    const kinds = follower.effects.map((effect) => effect.kind);
    expect(kinds.indexOf("install-snapshot")).to.be.below(kinds.lastIndexOf("persist"));
    expect(follower.status).to.include({ snapshotIndex: 9, commit: 9, applied: 9, lastIndex: 9 });
    expect(follower.takeKind("append-response").at(-1)).to.include({ accepted: true, index: 9 });
    const entries = entriesFrom(10, [2]);
    follower.receive("n1", append({ term: 2, prev: [9, 2], entries, commit: 10 }));
    expect(follower.applied()).to.deep.equal(["1:1", "10:2"]);
    expect(follower.crash()).to.deep.include({ snapshot: snapshotOf(9, 2, {}) });
  });

  it("are acknowledged only when their mark is durable", () => {
    const follower = new TestMember({ id: "n2", autoPersist: false });
    receiveSnapshot(follower, snapshotOf(9, 2, {}));
    expect(follower.take()).to.deep.equal([]);
    follower.persist();
    expect(follower.takeKind("append-response")).to.have.length(1);
  });

  it("at or below the commit index change nothing and are answered with it", () => {
    const follower = new TestMember({ id: "n2", log: [1, 1, 1, 1, 1], commit: 4 });
    follower.step({ kind: "wake" });
    for (const index of [2, 4]) {
      receiveSnapshot(follower, snapshotOf(index, 1, {}));
      expect(follower.takeKind("append-response").at(-1)).to.include({ accepted: true, index: 4 });
    }
    expect(follower.all("install-snapshot")).to.deep.equal([]);
    expect(follower.status).to.include({ commit: 4, lastIndex: 5, snapshotIndex: 0 });
  });

  it("whose last entry is in the log keep the log and move the commit index", () => {
    const follower = new TestMember({ id: "n2", log: [1, 1, 2, 2, 2], commit: 1 });
    receiveSnapshot(follower, snapshotOf(4, 2, {}));
    expect(follower.all("install-snapshot")).to.deep.equal([]);
    expect(follower.status).to.include({ commit: 4, applied: 4, lastIndex: 5 });
    expect(follower.takeKind("append-response").at(-1)).to.include({ index: 4 });
  });

  it("that contradict what is committed stop the member", () => {
    const follower = new TestMember({ id: "n2", log: [1, 1, 1], commit: 3 });
    expect(() => receiveSnapshot(follower, snapshotOf(3, 2, {}))).to.throw("committed entry 3");
  });

  it("of a stale leader are ignored", () => {
    const follower = new TestMember({ id: "n2", term: 5 });
    receiveSnapshot(follower, snapshotOf(9, 2, {}), 4);
    expect(follower.status).to.include({ lastIndex: 0, term: 5 });
  });

  it("do not tell who leads: their sender may have lost office under way", () => {
    const follower = new TestMember({ id: "n2", term: 2 });
    receiveSnapshot(follower, snapshotOf(5, 2, {}));
    expect(follower.status.leader).to.equal(undefined);
    follower.receive("n3", append({ term: 2, prev: [5, 2] }));
    receiveSnapshot(follower, snapshotOf(9, 2, {}));
    expect(follower.status).to.include({ leader: "n3", applied: 9 });
  });

  it("newer than the term they are sent in bring their own term", () => {
    const follower = new TestMember({ id: "n2", term: 2 });
    receiveSnapshot(follower, snapshotOf(9, 4, {}), 2);
    expect(follower.status).to.include({ term: 4, lastTerm: 4, applied: 9 });
  });

  it("change nothing at a leader of their term", () => {
    const leader = electedMember({ log: [1] });
    receiveSnapshot(leader, snapshotOf(9, 2, {}), 2);
    expect(leader.status).to.include({ role: "leader", lastIndex: 2 });
  });

  it("carry the configuration: it is in effect at once, and alone", () => {
    const follower = new TestMember({ id: "n2" });
    receiveSnapshot(follower, snapshotOf(9, 2, { voters: ["n1", "n2"] }));
    expect(follower.status.configuration.voters).to.deep.equal(["n1", "n2"]);
    expect(follower.all("configuration").at(-1)?.configuration.voters).to.have.length(2);
  });

  it("go to a peer that needs what was compacted, never an endless probe", () => {
    const leader = compactedLeader();
    leader.receive("n2", rejected(2, 9, [2, 1]));
    expect(leader.all("send-snapshot")).to.deep.equal([
      { kind: "send-snapshot", to: "n2", term: 2 },
    ]);
    leader.propose(1);
    leader.advance(5);
    expect(
      leader.take().some((sent) => sent.to === "n2" && sent.message.kind === "append"),
    ).to.equal(false);
  });

  it("return a peer to replication as soon as its log reaches", () => {
    for (const index of [6, 8, 9]) {
      const leader = compactedLeader();
      leader.receive("n2", rejected(2, 9, [2, 1]));
      leader.take();
      leader.receive("n2", accepted(2, index));
      const peer = leader.status.leading?.peers.find((other) => other.id === "n2");
      expect(peer?.state, `log reaches ${index}`).to.equal("replicate");
      expect(leader.takeKind("append").at(0)?.prevIndex).to.equal(index);
    }
  });

  it("are sent again when they were not delivered, after a heartbeat", () => {
    const leader = compactedLeader();
    leader.receive("n2", rejected(2, 9, [2, 1]));
    const to = raftId("n2");
    leader.step({ kind: "snapshot-sent", to, delivered: false });
    expect(leader.all("send-snapshot")).to.have.length(1);
    leader.receive("n2", { kind: "heartbeat-response", term: term(2), round: 0 });
    expect(leader.all("send-snapshot")).to.have.length(2);
    leader.step({ kind: "snapshot-sent", to, delivered: true });
    const peer = leader.status.leading?.peers.find((other) => other.id === "n2");
    expect(peer).to.include({ state: "probe", next: 9 });
  });

  it("keep the log behind them while they are on their way", () => {
    const leader = compactedLeader();
    leader.receive("n2", rejected(2, 9, [2, 1]));
    for (const from of ["n2", "n3"]) leader.receive(from, accepted(2, from === "n3" ? 10 : 0));
    const meta = snapshotOf(10, 2, {});
    leader.step({ kind: "compact", meta, keepFrom: logIndex(11) });
    expect(leader.status.baseIndex, "entries behind 8 are kept").to.equal(8);
    leader.step({ kind: "snapshot-sent", to: raftId("n2"), delivered: true });
    leader.step({ kind: "compact", meta, keepFrom: logIndex(11) });
    expect(leader.status.baseIndex).to.equal(10);
  });

  it("bring back a member of an idle leader whose log is empty", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    const leader = cluster.elect("n1");
    cluster.isolate("n3");
    for (let token = 1; token <= 5; token += 1) leader.propose(token);
    cluster.advance(300);
    const { applied, lastTerm } = leader.status;
    const meta = snapshotOf(applied, lastTerm, {});
    leader.step({ kind: "compact", meta, keepFrom: logIndex(applied + 1) });
    expect(leader.raft.log().entries).to.deep.equal([]);
    cluster.heal();
    leader.step({ kind: "peer-linked", peer: raftId("n3") });
    cluster.advance(300);
    expect(leader.all("send-snapshot").map((effect) => effect.to)).to.include("n3");
    receiveSnapshot(cluster.member("n3"), meta, leader.status.term);
    leader.step({ kind: "snapshot-sent", to: raftId("n3"), delivered: true });
    cluster.advance(300);
    expect(cluster.member("n3").status).to.include({ applied, role: "follower" });
    const peer = leader.status.leading?.peers.find((other) => other.id === "n3");
    expect(peer).to.include({ state: "replicate", match: applied });
  });

  it("are refused by the machine when the shell is ahead of it", () => {
    const member = new TestMember({ log: [1, 1, 1], commit: 2 });
    member.step({ kind: "wake" });
    const compact = (index: number, keepFrom: number) => () =>
      member.step({
        kind: "compact",
        meta: snapshotOf(index, 1, {}),
        keepFrom: logIndex(keepFrom),
      });
    expect(compact(3, 1)).to.throw("snapshot 3 > applied 2");
    expect(compact(2, 4)).to.throw("keepFrom 4");
  });

  it("saved by a process that died before it told the machine lift term and commit index", () => {
    const snapshot = { index: 7, term: 5 };
    const member = new TestMember({ snapshot, term: 3, votedFor: "n2", commit: 2 });
    expect(member.status).to.include({ term: 5, commit: 7, applied: 7 });
    expect(member.status.votedFor).to.equal(undefined);
    member.step({ kind: "wake" });
    expect(member.crash().hardState).to.deep.equal({ term: 5, commit: 7 });
  });

  it("at recovery lift the commit index to what they cover", () => {
    const member = new TestMember({ snapshot: { index: 7, term: 3 }, log: [3], commit: 5 });
    expect(member.status).to.include({ commit: 7, applied: 7, lastIndex: 8, baseIndex: 7 });
  });
});

/**
 * Leads term 2; entries 1-8 of term 1 were compacted up to 6 under a snapshot at 8; the no-op is 9.
 */
function compactedLeader(): TestMember {
  const leader = electedMember({ log: [1, 1, 1, 1, 1, 1, 1, 1], commit: 8 });
  leader.receive("n3", accepted(2, 9));
  leader.step({ kind: "compact", meta: snapshotOf(8, 1, {}), keepFrom: logIndex(7) });
  leader.take();
  leader.step({ kind: "peer-linked", peer: raftId("n2") });
  leader.propose(0);
  return leader;
}

function receiveSnapshot(member: TestMember, meta: SnapshotMeta, atTerm = 2): void {
  const from = raftId("n1");
  member.step({ kind: "snapshot-received", from, term: term(atTerm), meta });
}
