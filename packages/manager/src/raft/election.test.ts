import { raftId } from "@skein/common/ids";
import { expect } from "chai";
import { seededRandom } from "./testing/random.ts";
import { TestCluster } from "./testing/test-cluster.ts";
import {
  append,
  ballot,
  electedMember,
  electMember,
  entriesFrom,
  grant,
  heartbeat,
  TestMember,
} from "./testing/test-member.ts";

const FIVE = ["n1", "n2", "n3", "n4", "n5"];

describe("raft votes", () => {
  it("are durable before they are answered", () => {
    const voter = new TestMember({ id: "n2", term: 4, autoPersist: false });
    voter.receive("n1", ballot("vote", 5, [0, 0]));
    expect(voter.take()).to.deep.equal([]);
    // A crash here leaves the voter free to vote again: nobody heard of the first vote.
    expect(voter.crash().hardState).to.deep.equal({ term: 4, commit: 0 });
    voter.persist();
    expect(voter.takeKind("vote-response")).to.deep.equal([grant("vote", 5)]);
    expect(voter.crash().hardState).to.deep.equal({ term: 5, commit: 0, votedFor: "n1" });
  });

  it("survive a crash after they became durable", () => {
    const voter = new TestMember({ id: "n2", term: 5, votedFor: "n1" });
    voter.receive("n3", ballot("vote", 5, [9, 4]));
    voter.receive("n1", ballot("vote", 5, [0, 0]));
    const answers = voter.takeKind("vote-response").map((answer) => answer.granted);
    expect(answers).to.deep.equal([false, true]);
  });

  it("and the term are written as one record", () => {
    const voter = new TestMember({ id: "n2", term: 4 });
    voter.receive("n1", ballot("vote", 5, [0, 0]));
    const written = voter.all("persist").map((effect) => effect.hardState);
    expect(written).to.deep.equal([{ term: 5, commit: 0, votedFor: "n1" }]);
  });

  it("go by last term, then by last index", () => {
    const rows: readonly { last: readonly [number, number]; granted: boolean }[] = [
      { last: [9, 2], granted: false },
      { last: [5, 3], granted: true },
      { last: [4, 4], granted: true },
      { last: [6, 3], granted: true },
      { last: [5, 2], granted: false },
      { last: [4, 3], granted: false },
    ];
    for (const { last, granted } of rows) {
      for (const kind of ["vote", "pre-vote"] as const) {
        const voter = new TestMember({ id: "n2", log: [1, 1, 2, 3, 3] });
        voter.receive("n1", ballot(kind, 7, last));
        const [answer] = voter.takeKind(`${kind}-response`);
        expect(answer?.granted, `${kind} ${last.join(":")}`).to.equal(granted);
      }
    }
  });

  it("of a candidate that steps down in its term stay with itself", () => {
    // Candidate of term 1 hears that term's leader, whose append it refuses, then a late rival.
    const member = new TestMember({ voters: FIVE });
    electionTimeout(member);
    for (const voter of ["n2", "n3"]) member.receive(voter, grant("pre-vote", 1));
    expect(member.status.role).to.equal("candidate");
    member.receive("n4", append({ term: 1, prev: [7, 1] }));
    expect(member.status.role).to.equal("follower");
    member.step({ kind: "peer-gone", peer: raftId("n4") });
    member.take();
    member.receive("n5", ballot("vote", 1, [9, 1]));
    expect(member.takeKind("vote-response")).to.deep.equal([grant("vote", 1, false)]);
  });

  it("of a pre-candidate pushed back by its leader stay where they were", () => {
    const member = new TestMember({ term: 3, votedFor: "n2" });
    electionTimeout(member);
    expect(member.status.role).to.equal("pre-candidate");
    member.receive("n2", append({ term: 3, prev: [7, 3] }));
    member.step({ kind: "peer-gone", peer: raftId("n2") });
    member.take();
    member.receive("n3", ballot("vote", 3, [9, 3]));
    expect(member.takeKind("vote-response")).to.deep.equal([grant("vote", 3, false)]);
  });

  it("count once, from voters, of this term, of this kind", () => {
    const member = new TestMember({ voters: FIVE, learners: ["n6"] });
    electionTimeout(member);
    for (const voter of ["n2", "n3"]) member.receive(voter, grant("pre-vote", 1));
    member.receive("n2", grant("vote", 1));
    member.receive("n2", grant("vote", 1));
    member.receive("n3", grant("vote", 0));
    member.receive("n3", grant("pre-vote", 1));
    member.receive("n6", grant("vote", 1));
    member.receive("stranger", grant("vote", 1));
    expect(member.status.role).to.equal("candidate");
    member.receive("n4", grant("vote", 1));
    expect(member.status.role).to.equal("leader");
  });

  it("are asked for only once the candidate's own is durable", () => {
    const member = new TestMember({ autoPersist: false });
    electionTimeout(member);
    member.receive("n2", grant("pre-vote", 1));
    member.take();
    expect(member.status.role).to.equal("candidate");
    member.receive("n2", grant("vote", 1));
    expect(member.status.role, "its own vote could still be lost").to.equal("candidate");
    member.persist();
    expect(member.takeKind("vote")).to.have.length(2);
    expect(member.status.role).to.equal("leader");
  });

  it("are given by a learner that a candidate takes for a voter", () => {
    const learner = new TestMember({ id: "n4", learners: ["n4"] });
    learner.receive("n1", ballot("vote", 2, [5, 1]));
    expect(learner.takeKind("vote-response")).to.deep.equal([grant("vote", 2)]);
  });

  it("are never sought by a learner", () => {
    const learner = new TestMember({ id: "n4", learners: ["n4"] });
    learner.advance(10_000);
    expect(learner.take()).to.deep.equal([]);
  });
});

describe("raft vote lease", () => {
  it("refuses votes and pre-votes while the leader is heard, and keeps its term", () => {
    const follower = new TestMember({ id: "n2" });
    follower.receive("n1", heartbeat(1));
    follower.take();
    follower.stall(499);
    follower.receive("n3", ballot("pre-vote", 2, [0, 0]));
    follower.receive("n3", ballot("vote", 9, [0, 0]));
    expect(follower.take().map((sent) => sent.message)).to.deep.equal([
      grant("pre-vote", 1, false),
    ]);
    expect(follower.status.term).to.equal(1);
    follower.stall(1);
    follower.receive("n3", ballot("pre-vote", 2, [0, 0]));
    expect(follower.takeKind("pre-vote-response")).to.deep.equal([grant("pre-vote", 2)]);
  });

  it("ends when the leader's process is gone; the follower campaigns within 50 ms", () => {
    const follower = new TestMember({ id: "n2" });
    follower.receive("n1", heartbeat(1));
    follower.step({ kind: "peer-gone", peer: raftId("n1") });
    follower.take();
    follower.receive("n3", ballot("pre-vote", 2, [0, 0]));
    expect(follower.takeKind("pre-vote-response")).to.deep.equal([grant("pre-vote", 2)]);
    follower.advance(50);
    expect(follower.status.role).to.equal("pre-candidate");
    expect(follower.takeKind("pre-vote").every((ask) => ask.force)).to.equal(true);
  });

  it("ends for one survivor after the other: they do not split the vote", () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const asked = FIVE.slice(1).map((id, at) => {
        const member = new TestMember({ id, voters: FIVE, random: seededRandom(seed * 10 + at) });
        member.receive("n1", heartbeat(1));
        member.step({ kind: "peer-gone", peer: raftId("n1") });
        member.take();
        return timeUntil(member, () => member.status.role === "pre-candidate");
      });
      const pauses = asked.slice(1).map((at, before) => at - (asked[before] ?? 0));
      expect(Math.min(...pauses), `seed ${seed}: ${asked.join(", ")} ms`).to.be.at.least(5);
      expect(Math.max(...asked)).to.be.at.most(50);
    }
  });

  it("is no reason to wait after a split vote: the next attempt comes within 300 ms", () => {
    const member = new TestMember({ id: "n2" });
    member.receive("n1", heartbeat(1));
    member.step({ kind: "peer-gone", peer: raftId("n1") });
    member.advance(50);
    member.receive("n3", grant("pre-vote", 2));
    expect(member.status.role).to.equal("candidate");
    member.receive("n3", grant("vote", 2, false));
    member.take();
    const waitedMs = timeUntil(member, () => member.status.role === "pre-candidate");
    expect(waitedMs).to.be.within(200, 300);
    expect(member.takeKind("pre-vote").every((ask) => ask.force)).to.equal(true);
  });

  it("does not end when another peer is gone", () => {
    const follower = new TestMember({ id: "n2" });
    follower.receive("n1", heartbeat(1));
    follower.step({ kind: "peer-gone", peer: raftId("n3") });
    follower.advance(450);
    expect(follower.status.role).to.equal("follower");
  });

  it("protects a leader that one member took for dead", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    cluster.elect("n1");
    cluster.advance(250);
    cluster.member("n2").step({ kind: "peer-gone", peer: raftId("n1") });
    cluster.advance(3000);
    expect(cluster.leaders()).to.deep.equal(["n1"]);
    expect(cluster.leader().status.term).to.equal(1);
  });

  it("shrinks to two heartbeats before an asker that saw the leader go", () => {
    const follower = new TestMember({ id: "n2" });
    follower.receive("n1", heartbeat(1));
    follower.take();
    follower.stall(199);
    follower.receive("n3", ballot("pre-vote", 2, [0, 0], true));
    follower.stall(1);
    follower.receive("n3", ballot("pre-vote", 2, [0, 0], true));
    const answers = follower.takeKind("pre-vote-response").map((answer) => answer.granted);
    expect(answers).to.deep.equal([false, true]);
  });

  it("is passed within 350 ms when a leader dies and only one survivor noticed", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    cluster.elect("n1");
    cluster.advance(250);
    cluster.members.delete("n1");
    cluster.member("n3").step({ kind: "peer-gone", peer: raftId("n1") });
    cluster.advance(350);
    expect(cluster.leaders()).to.deep.equal(["n3"]);
  });

  it("is passed within 60 ms when both survivors noticed", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    cluster.elect("n1");
    cluster.advance(250);
    cluster.members.delete("n1");
    for (const id of ["n2", "n3"]) {
      cluster.member(id).step({ kind: "peer-gone", peer: raftId("n1") });
    }
    cluster.advance(60);
    expect(cluster.leaders()).to.have.length(1);
  });
});

describe("raft elections", () => {
  it("leave the term alone while a member is cut off, and the leader when it returns", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    cluster.elect("n1");
    cluster.isolate("n3");
    cluster.advance(20_000);
    expect(cluster.member("n3").status.term).to.equal(1);
    cluster.heal();
    cluster.member("n1").propose(1);
    cluster.advance(2000);
    expect(cluster.leaders()).to.deep.equal(["n1"]);
    expect([...cluster.members.values()].map((m) => m.status.term)).to.deep.equal([1, 1, 1]);
    expect(cluster.member("n3").status.applied).to.equal(2);
  });

  it("are won in spite of a member with a higher term and a shorter log", () => {
    const cluster = new TestCluster(
      ["n1", "n2", "n3"],
      {},
      { n1: { log: [1, 1, 1] }, n2: { log: [1, 1, 1] }, n3: { log: [1], term: 9 } },
    );
    cluster.advance(3000);
    expect(cluster.leaders()).to.have.length(1);
    expect(cluster.leader().status.term).to.be.above(9);
    expect(cluster.leader().id).to.not.equal("n3");
  });

  it("teach the term to a pre-candidate that is refused", () => {
    const member = new TestMember({ term: 3 });
    electionTimeout(member);
    member.receive("n2", grant("pre-vote", 8, false));
    expect(member.status).to.include({ role: "follower", term: 8 });
  });

  it("ignore pre-votes and votes that arrive after they are over", () => {
    const leader = electedMember({ voters: FIVE });
    leader.receive("n5", grant("pre-vote", 1));
    leader.receive("n5", grant("pre-vote", 2));
    leader.receive("n5", grant("vote", 1));
    expect(leader.status).to.include({ role: "leader", term: 1 });
    const follower = new TestMember({ term: 3 });
    follower.receive("n2", grant("pre-vote", 4));
    follower.receive("n2", grant("vote", 3));
    expect(follower.status).to.include({ role: "follower", term: 3 });
  });

  it("break ties by new random timeouts", () => {
    // The same stream for everybody: the first timeouts are all equal.
    const random = { below: scripted([0, 0, 0, 0, 7, 100, 200, 300, 400, 500]), id: () => "x" };
    const cluster = new TestCluster(["n1", "n2", "n3"], { random });
    cluster.advance(10_000);
    expect(cluster.leaders()).to.have.length(1);
  });

  it("settle although two of five reach one member each", () => {
    const cluster = new TestCluster(FIVE);
    const linked = ["12", "13", "23", "24", "35"];
    for (const a of "12345") {
      for (const b of "12345") {
        if (!linked.includes(a + b) && !linked.includes(b + a)) cluster.cut(`n${a}`, `n${b}`);
      }
    }
    cluster.advance(20_000);
    const term = cluster.leader().status.term;
    expect(cluster.leaders()).to.have.length(1);
    cluster.advance(20_000);
    expect(cluster.leader().status.term, "a stable leader").to.equal(term);
  });

  it("replace a leader that reaches one member only", () => {
    const cluster = new TestCluster(FIVE);
    cluster.elect("n4");
    cluster.isolate("n5");
    for (const id of ["n1", "n3"]) {
      cluster.cut("n4", id);
      cluster.cut(id, "n4");
    }
    cluster.advance(10_000);
    expect(cluster.leaders()).to.have.length(1);
    expect(["n1", "n2", "n3"]).to.include(cluster.leader().id);
  });

  it("replace a leader that can send but not hear", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    cluster.elect("n1");
    cluster.cut("n2", "n1");
    cluster.cut("n3", "n1");
    cluster.advance(2000);
    expect(cluster.member("n1").status.role).to.not.equal("leader");
    cluster.advance(2000);
    expect(["n2", "n3"]).to.include(cluster.leader().id);
  });

  it("replace a leader that can hear but not send", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    cluster.elect("n1");
    cluster.cut("n1", "n2");
    cluster.cut("n1", "n3");
    cluster.advance(4000);
    expect(cluster.leaders()).to.have.length(1);
    expect(["n2", "n3"]).to.include(cluster.leader().id);
  });

  for (const [from, to] of [
    ["n1", "n3"],
    ["n3", "n1"],
  ] as const) {
    it(`do not unseat a leader when only ${from} > ${to} of a follower is cut`, () => {
      const cluster = new TestCluster(["n1", "n2", "n3"]);
      cluster.elect("n1");
      cluster.cut(from, to);
      cluster.advance(20_000);
      expect(cluster.leaders()).to.deep.equal(["n1"]);
      expect(cluster.leader().status.term).to.equal(1);
    });
  }

  it("do not follow from a stall of this process alone", () => {
    const follower = new TestMember({ id: "n2" });
    follower.receive("n1", heartbeat(1));
    follower.take();
    follower.stall(3000);
    follower.step({ kind: "wake" });
    expect(follower.status.role).to.equal("follower");
    expect(follower.take()).to.deep.equal([]);
    // The heartbeats that had queued are read now: all is well.
    follower.receive("n1", heartbeat(1, { round: 30 }));
    follower.advance(450);
    expect(follower.status.role).to.equal("follower");
  });

  it("follow from a stall if the leader stays silent after it", () => {
    const follower = new TestMember({ id: "n2" });
    follower.receive("n1", heartbeat(1));
    follower.stall(3000);
    follower.step({ kind: "wake" });
    follower.advance(1001);
    expect(follower.status.role).to.equal("pre-candidate");
  });

  it("come at once for the only voter, after its vote is durable", () => {
    const only = new TestMember({ voters: ["n1"], autoPersist: false });
    only.advance(0);
    expect(only.status.role).to.equal("candidate");
    only.persist();
    expect(only.status.role).to.equal("leader");
    expect(only.status.commit, "its no-op is not durable").to.equal(0);
    only.persist();
    expect(only.status.applied).to.equal(1);
    expect(only.all("role").at(-1)?.ready).to.equal(true);
  });
});

describe("raft leader without a quorum", () => {
  it("refuses before it appends, then steps down", () => {
    const leader = electedMember();
    leader.advance(499);
    leader.propose(1);
    leader.advance(1);
    leader.propose(2);
    leader.step({ kind: "read", token: 3 });
    expect(leader.all("appended").map((effect) => effect.token)).to.deep.equal([1]);
    expect(leader.all("refused").map((e) => [e.token, e.reason])).to.deep.equal([
      [2, "no-quorum"],
      [3, "no-quorum"],
    ]);
    leader.advance(500);
    expect(leader.status.role).to.equal("follower");
  });

  it("refuses at once when a quorum's processes are gone", () => {
    const leader = electedMember();
    for (const peer of ["n2", "n3"]) leader.step({ kind: "peer-gone", peer: raftId(peer) });
    leader.propose(1);
    expect(leader.all("refused").map((effect) => effect.reason)).to.deep.equal(["no-quorum"]);
  });

  it("reads what had queued for it before it steps down after a stall", () => {
    const leader = electedMember();
    leader.stall(5000);
    leader.step({ kind: "wake" });
    expect(leader.status.role).to.equal("leader");
    const round = leader.status.leading?.round ?? 0;
    for (const from of ["n2", "n3"]) {
      leader.receive(from, { kind: "heartbeat-response", term: leader.status.term, round });
    }
    leader.advance(900);
    expect(leader.status.role).to.equal("leader");
  });

  it("steps down although learners answer", () => {
    const leader = new TestMember({ learners: ["n4"] });
    electMember(leader);
    for (let at = 0; at < 12; at += 1) {
      leader.advance(100);
      const { term, leading } = leader.status;
      if (leading === undefined) break;
      leader.receive("n4", { kind: "heartbeat-response", term, round: leading.round });
    }
    expect(leader.status.role).to.equal("follower");
  });
});

describe("raft leaders", () => {
  it("of one term are never two: whoever sees a second one stops", () => {
    const follower = new TestMember({ id: "n2" });
    follower.receive("n1", heartbeat(1));
    expect(() => follower.receive("n3", heartbeat(1))).to.throw("two leaders in term 1: n1, n3");
  });
});

describe("raft terms on disk", () => {
  it("are written before the entries of that term", () => {
    const follower = new TestMember({ id: "n2", term: 1, autoPersist: false });
    const entries = entriesFrom(1, [5]);
    follower.receive("n1", append({ term: 5, prev: [0, 0], entries }));
    const [write] = follower.all("persist");
    expect(write?.hardState.term).to.equal(5);
    expect(write?.entries).to.deep.equal(entries);
  });
});

/** Milliseconds of the member's own clock. */
function timeUntil(member: TestMember, done: () => boolean): number {
  for (let waited = 0; waited <= 1000; waited += 1) {
    if (done()) return waited;
    member.advance(1);
  }
  throw new Error("not within a second");
}

function electionTimeout(member: TestMember): void {
  const at = member.raft.wakeAt();
  if (at !== undefined && at > member.now) member.now = at;
  member.step({ kind: "wake" });
  if (member.status.role === "follower") electionTimeout(member);
}

/** The given numbers, then ever larger ones, always below the bound. */
function scripted(numbers: number[]): (bound: number) => number {
  let calls = 0;
  return (bound) => {
    calls += 1;
    return (numbers.shift() ?? calls * 37) % bound;
  };
}
