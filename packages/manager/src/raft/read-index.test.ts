import { logIndex, raftId, term } from "@skein/common/ids";
import { expect } from "chai";
import type { RaftMessage } from "./protocol.ts";
import { TestCluster } from "./testing/test-cluster.ts";
import { accepted, electedMember, heartbeat, TestMember } from "./testing/test-member.ts";

describe("raft reads", () => {
  it("at the leader wait for a round that begins after them", () => {
    const leader = servingLeader();
    leader.step({ kind: "read", token: 1 });
    const [beat] = leader.takeKind("heartbeat");
    expect(leader.all("read-ready")).to.deep.equal([]);
    leader.receive("n2", roundAnswer(beat?.round ?? 0));
    expect(leader.all("read-ready")).to.deep.equal([{ kind: "read-ready", token: 1, index: 1 }]);
  });

  it("are not confirmed by late answers to an earlier round, however often repeated", () => {
    const leader = servingLeader();
    leader.step({ kind: "read", token: 1 });
    const first = leader.takeKind("heartbeat")[0]?.round ?? 0;
    // The second read arrives while the first one's round is under way.
    leader.step({ kind: "read", token: 2 });
    leader.receive("n2", roundAnswer(first));
    expect(tokens(leader)).to.deep.equal([1]);
    leader.receive("n3", roundAnswer(first));
    leader.receive("n2", roundAnswer(first));
    expect(tokens(leader)).to.deep.equal([1]);
    leader.receive("n3", roundAnswer(first + 1));
    expect(tokens(leader)).to.deep.equal([1, 2]);
  });

  it("share a round: as many as wait take one", () => {
    const leader = servingLeader();
    for (let token = 1; token <= 50; token += 1) leader.step({ kind: "read", token });
    expect(leader.takeKind("heartbeat"), "one to each peer").to.have.length(2);
    const round = leader.status.leading?.round ?? 0;
    leader.receive("n2", roundAnswer(round));
    expect(leader.takeKind("heartbeat")).to.have.length(2);
    leader.receive("n2", roundAnswer(round + 1));
    expect(tokens(leader)).to.have.length(50);
  });

  it("are not confirmed by a round number that was never sent", () => {
    const leader = servingLeader();
    leader.step({ kind: "read", token: 1 });
    leader.receive("n2", roundAnswer(999));
    expect(tokens(leader)).to.deep.equal([]);
  });

  it("at a new leader wait for its no-op, and include what its predecessor acknowledged", () => {
    const leader = electedMember({ log: [1, 1, 1], commit: 1 });
    leader.step({ kind: "read", token: 1 });
    leader.receive("n2", { ...roundAnswer(5), term: term(2) });
    leader.advance(100);
    leader.receive("n2", { ...roundAnswer(1), term: term(2) });
    expect(tokens(leader)).to.deep.equal([]);
    leader.receive("n2", accepted(2, 4));
    leader.receive("n2", { ...roundAnswer(2), term: term(2) });
    expect(leader.all("read-ready")).to.deep.equal([{ kind: "read-ready", token: 1, index: 4 }]);
  });

  it("at a deposed leader are never answered with the old state", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    const old = cluster.elect("n1");
    cluster.advance(50);
    cluster.isolate("n1");
    old.step({ kind: "read", token: 1 });
    // The others elect and commit while the old leader still believes.
    for (const id of ["n2", "n3"]) {
      cluster.member(id).step({ kind: "peer-gone", peer: old.id });
    }
    cluster.advance(200);
    cluster.leader().propose(2);
    old.step({ kind: "read", token: 3 });
    cluster.advance(3000);
    expect(old.all("read-ready")).to.deep.equal([]);
    expect(old.all("refused").map((e) => [e.token, e.reason])).to.deep.equal([
      [1, "not-leader"],
      [3, "not-leader"],
    ]);
  });

  it("after a leader's stall are refused until a quorum is heard again", () => {
    const leader = servingLeader();
    leader.stall(3000);
    leader.step({ kind: "read", token: 1 });
    expect(leader.all("refused")).to.deep.equal([
      { kind: "refused", token: 1, reason: "no-quorum" },
    ]);
    // An answer to a round from before the stall revives the contact, but confirms no younger read.
    const before = leader.status.leading?.round ?? 0;
    leader.receive("n2", roundAnswer(before - 1));
    leader.step({ kind: "read", token: 2 });
    leader.receive("n2", roundAnswer(before));
    expect(tokens(leader)).to.deep.equal([]);
    leader.receive("n2", roundAnswer(before + 1));
    expect(tokens(leader)).to.deep.equal([2]);
  });

  it("at a follower are answered at the leader's commit index, once applied there", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    const leader = cluster.elect("n1");
    cluster.advance(50);
    const appends = (): unknown => cluster.hold((packet) => packet.to === "n3" && isAppend(packet));
    leader.propose(1);
    appends();
    cluster.settle();
    expect(leader.status.commit).to.equal(2);
    const follower = cluster.member("n3");
    follower.step({ kind: "read", token: 9 });
    cluster.settle();
    expect(follower.all("read-ready"), "entry 2 is not here yet").to.deep.equal([]);
    cluster.advance(300);
    expect(follower.all("read-ready")).to.deep.equal([{ kind: "read-ready", token: 9, index: 2 }]);
  });

  it("at a follower are asked again when a question or an answer is lost", () => {
    const follower = new TestMember({ id: "n2" });
    follower.receive("n1", heartbeat(1));
    follower.step({ kind: "read", token: 1 });
    const [first] = follower.takeKind("read-index");
    follower.step({ kind: "read", token: 2 });
    follower.advance(100);
    const [again] = follower.takeKind("read-index");
    expect(again).to.deep.equal(first);
    follower.receive("n1", readAnswer(first?.id ?? 0, 0));
    expect(tokens(follower), "the second read came after the question").to.deep.equal([1]);
    const [next] = follower.takeKind("read-index");
    expect(next?.id).to.equal((first?.id ?? 0) + 1);
  });

  it("at a follower take no answer that was meant for the process before a restart", () => {
    const ids = [1, 2].map((seed) => {
      const random = { below: (bound: number) => (seed * 7919) % bound, id: () => "x" };
      const follower = new TestMember({ id: "n2", random });
      follower.receive("n1", heartbeat(1));
      follower.step({ kind: "read", token: 1 });
      return follower.takeKind("read-index")[0]?.id ?? 0;
    });
    expect(ids[0]).to.not.equal(ids[1]);
  });

  it("end with a reason when the leader is lost, is not known, or refuses", () => {
    const follower = new TestMember({ id: "n2" });
    follower.step({ kind: "read", token: 1 });
    follower.receive("n1", heartbeat(1));
    follower.step({ kind: "read", token: 2 });
    const id = follower.takeKind("read-index")[0]?.id ?? 0;
    follower.receive("n1", readAnswer(id, undefined));
    follower.step({ kind: "read", token: 3 });
    follower.receive("n3", heartbeat(2));
    expect(follower.all("refused").map((e) => [e.token, e.reason])).to.deep.equal([
      [1, "not-leader"],
      [2, "no-quorum"],
      [3, "not-leader"],
    ]);
  });

  it("are bounded", () => {
    const leader = servingLeader({ readsMax: 2 });
    for (let token = 1; token <= 3; token += 1) leader.step({ kind: "read", token });
    expect(leader.all("refused").at(-1)).to.include({ token: 3, reason: "overloaded" });
  });

  it("count a follower's repeated question once", () => {
    const leader = servingLeader();
    for (let copy = 0; copy < 3; copy += 1) {
      leader.receive("n2", { kind: "read-index", term: term(1), id: 7 });
    }
    expect(leader.status.readsWaiting).to.equal(1);
    leader.take();
    leader.receive("n3", roundAnswer(leader.status.leading?.round ?? 0));
    expect(leader.takeKind("read-index-response")).to.deep.equal([readAnswer(7, 1)]);
  });

  it("need both majorities while joint, and no learner", () => {
    const leader = electedMember({ voters: ["n1", "n2"], learners: ["n3", "n4"] });
    for (const from of ["n2", "n3", "n4"]) leader.receive(from, accepted(1, 1));
    leader.step({ kind: "change", token: 9, change: { kind: "promote", id: raftId("n3") } });
    expect(leader.status.configuration).to.deep.include({ outgoing: ["n1", "n2"] });
    leader.step({ kind: "read", token: 1 });
    const round = leader.status.leading?.round ?? 0;
    for (const from of ["n3", "n4"]) leader.receive(from, roundAnswer(round));
    expect(tokens(leader)).to.deep.equal([]);
    leader.receive("n2", roundAnswer(round));
    expect(tokens(leader)).to.deep.equal([1]);
  });

  it("at the only voter need nobody else", () => {
    const only = new TestMember({ voters: ["n1"] });
    only.advance(10);
    only.step({ kind: "read", token: 1 });
    expect(only.all("read-ready")).to.deep.equal([{ kind: "read-ready", token: 1, index: 1 }]);
  });

  it("that wait for the state machine are completed by an installed snapshot", () => {
    const follower = new TestMember({ id: "n2" });
    follower.receive("n1", heartbeat(1));
    follower.step({ kind: "read", token: 1 });
    const id = follower.takeKind("read-index")[0]?.id ?? 0;
    follower.receive("n1", readAnswer(id, 5));
    expect(tokens(follower)).to.deep.equal([]);
    const meta = { ...snapshotMeta(), index: logIndex(8), term: term(1) };
    const { id: from } = new TestMember({ id: "n1" });
    follower.step({ kind: "snapshot-received", from, term: term(1), meta });
    expect(tokens(follower)).to.deep.equal([1]);
  });
});

function servingLeader(limits = {}): TestMember {
  const leader = electedMember({ limits });
  leader.receive("n2", accepted(1, 1));
  leader.take();
  leader.effects.length = 0;
  return leader;
}

function snapshotMeta() {
  return new TestMember().crash().snapshot;
}

function roundAnswer(round: number) {
  return { kind: "heartbeat-response", term: term(1), round } as const;
}

function readAnswer(id: number, index: number | undefined): RaftMessage {
  const base = { kind: "read-index-response", term: term(1), id } as const;
  return index === undefined ? base : { ...base, index: logIndex(index) };
}

function tokens(member: TestMember): readonly number[] {
  return member.all("read-ready").map((effect) => effect.token);
}

function isAppend(packet: { readonly message: RaftMessage }): boolean {
  return packet.message.kind === "append";
}
