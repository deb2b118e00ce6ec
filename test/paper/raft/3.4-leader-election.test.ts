/** Ongaro's thesis, section 3.4: leader election, with the restriction of 3.6.1. */
import { raftId } from "@skein/common/ids";
import { seededRandom } from "@skein/manager/raft/testing/random";
import { TestCluster } from "@skein/manager/raft/testing/test-cluster";
import { ballot, electedMember, grant, TestMember } from "@skein/manager/raft/testing/test-member";
import { expect } from "chai";

const FIVE = ["n1", "n2", "n3", "n4", "n5"];

describe("raft thesis 3.4: leader election", () => {
  it("a member starts as a follower", () => {
    expect(new TestMember().status).to.include({ role: "follower", term: 0 });
  });

  it("a follower that hears nothing campaigns between the two election timeouts", () => {
    const at = timeouts((member) => member.status.role === "pre-candidate");
    expect(Math.min(...at)).to.be.within(500, 550);
    expect(Math.max(...at)).to.be.within(950, 1000);
    expect(new Set(at).size, "they differ").to.be.above(50);
  });

  it("a candidate of whom nothing comes tries again after another random timeout", () => {
    const member = new TestMember();
    member.advance(1000);
    member.receive("n2", grant("pre-vote", 1));
    member.advance(1001);
    expect(member.status.role).to.equal("pre-candidate");
    member.receive("n2", grant("pre-vote", 2));
    expect(member.status).to.include({ role: "candidate", term: 2, votedFor: "n1" });
  });

  it("a campaign raises the term, votes for itself and asks every other voter", () => {
    const member = new TestMember({ voters: FIVE, learners: ["n6"], log: [1, 2], term: 4 });
    member.advance(1000);
    member.take();
    for (const voter of ["n2", "n3"]) member.receive(voter, grant("pre-vote", 5));
    expect(member.status).to.include({ role: "candidate", term: 5, votedFor: "n1" });
    expect(member.take()).to.deep.equal(
      ["n2", "n3", "n4", "n5"].map((to) => ({ to, message: ballot("vote", 5, [2, 2]) })),
    );
  });

  it("the first candidate gets the vote, every time it asks, and nobody else", () => {
    const member = new TestMember();
    const rows = [
      { from: "n2", granted: true },
      { from: "n3", granted: false },
      { from: "n2", granted: true },
    ];
    for (const { from, granted } of rows) {
      member.receive(from, ballot("vote", 1, [0, 0]));
      expect(member.takeKind("vote-response")).to.deep.equal([grant("vote", 1, granted)]);
    }
  });

  const elections = [
    { size: 3, yes: 1, no: 0, role: "leader" },
    { size: 5, yes: 2, no: 2, role: "leader" },
    { size: 5, yes: 1, no: 0, role: "candidate" },
    { size: 5, yes: 1, no: 3, role: "follower" },
    { size: 4, yes: 1, no: 1, role: "candidate" },
    { size: 4, yes: 1, no: 2, role: "follower" },
    { size: 2, yes: 1, no: 0, role: "leader" },
  ];
  for (const { size, yes, no, role } of elections) {
    it(`of ${size} voters, ${yes} yes and ${no} no besides its own make a ${role}`, () => {
      const voters = FIVE.slice(0, size);
      const member = new TestMember({ voters });
      member.advance(1000);
      for (const id of voters.slice(1)) member.receive(id, grant("pre-vote", 1));
      voters.slice(1).forEach((id, at) => {
        if (at < yes + no) member.receive(id, grant("vote", 1, at < yes));
      });
      expect(member.status.role).to.equal(role);
    });
  }

  it("a new leader makes itself known at once, then with every heartbeat", () => {
    const leader = electedMember();
    const first = leader.take().filter((sent) => sent.message.kind === "append");
    expect(first.map((sent) => sent.to)).to.deep.equal(["n2", "n3"]);
    for (let beat = 1; beat <= 4; beat += 1) {
      leader.advance(100);
      expect(leader.takeKind("heartbeat"), `heartbeat ${beat}`).to.have.length(2);
    }
  });

  it("a cluster has one leader soon, for every seed", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const each = Object.fromEntries(
        FIVE.map((id, at) => [id, { random: seededRandom(seed * 100 + at) }]),
      );
      const cluster = new TestCluster(FIVE, {}, each);
      cluster.advance(2500);
      expect(cluster.leaders(), `seed ${seed}`).to.have.length(1);
    }
  });

  it("a dead leader is replaced, and returns as a follower", () => {
    const cluster = new TestCluster(FIVE);
    cluster.elect("n1");
    cluster.isolate("n1");
    cluster.advance(3000);
    const [leader] = cluster.leaders();
    expect(leader).to.not.equal("n1");
    cluster.heal();
    cluster.advance(500);
    expect(cluster.member("n1").status).to.include({ role: "follower", leader });
  });

  it("only members campaign: one outside the configuration stays silent", () => {
    const member = new TestMember({ id: "n9" });
    member.advance(5000);
    expect(member.take()).to.deep.equal([]);
    expect(member.id).to.equal(raftId("n9"));
  });
});

/** When a hundred members with different seeds reach a state, in milliseconds. */
function timeouts(reached: (member: TestMember) => boolean): readonly number[] {
  return Array.from({ length: 100 }, (_, seed) => {
    const member = new TestMember({ random: seededRandom(seed) });
    while (!reached(member)) member.advance(1);
    return member.now;
  });
}
