import { raftId, term } from "@skein/common/ids";
import { expect } from "chai";
import { TestCluster } from "./testing/test-cluster.ts";
import { accepted, append, electedMember, heartbeat, TestMember } from "./testing/test-member.ts";

describe("raft leadership transfer", () => {
  it("lets the target catch up, then win although the others heard the leader just now", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    const leader = cluster.elect("n1");
    cluster.advance(150);
    cluster.isolate("n2");
    leader.propose(1);
    cluster.settle();
    cluster.heal();
    leader.step({ kind: "transfer", to: raftId("n2") });
    leader.propose(2);
    expect(leader.all("refused").at(-1)).to.include({ token: 2, reason: "transferring" });
    cluster.advance(250);
    expect(cluster.leaders()).to.deep.equal(["n2"]);
    expect(cluster.leader().status).to.include({ term: 2 });
    expect(cluster.leader().logWords()).to.include("2:1");
  });

  it("takes two round trips when the target is caught up", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    cluster.elect("n1");
    cluster.advance(150);
    cluster.member("n1").step({ kind: "transfer" });
    cluster.settle();
    expect(cluster.leaders()).to.have.length(1);
    expect(cluster.leader().id).to.not.equal("n1");
  });

  it("is given up after an election timeout; proposals resume", () => {
    const leader = electedMember();
    for (const from of ["n2", "n3"]) leader.receive(from, accepted(1, 1));
    leader.step({ kind: "transfer", to: raftId("n2") });
    expect(leader.takeKind("timeout-now")).to.have.length(1);
    leader.advance(450);
    leader.receive("n3", accepted(1, 1));
    leader.propose(1);
    leader.advance(50);
    leader.propose(2);
    expect(leader.all("refused").map((effect) => effect.token)).to.deep.equal([1]);
    expect(leader.all("appended").map((effect) => effect.token)).to.deep.equal([2]);
  });

  it("does not outlive the leadership it began in", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    const first = cluster.elect("n1");
    cluster.advance(150);
    cluster.cut("n1", "n2");
    first.step({ kind: "transfer", to: raftId("n2") });
    cluster.member("n3").receive("n1", { kind: "timeout-now", term: term(1) });
    cluster.settle();
    cluster.heal();
    expect(cluster.leaders()).to.deep.equal(["n3"]);
    cluster.advance(150);
    cluster.member("n3").step({ kind: "transfer", to: raftId("n1") });
    cluster.settle();
    expect(cluster.leaders()).to.deep.equal(["n1"]);
    first.propose(7);
    expect(first.all("appended").at(-1)).to.include({ token: 7, term: 3 });
  });

  it("is begun by this term's leader alone", () => {
    const rows = [
      { name: "an older term", from: "n1", atTerm: 1 },
      { name: "another member", from: "n3", atTerm: 2 },
      { name: "a stranger", from: "n9", atTerm: 2 },
      { name: "a leader not heard yet", from: "n3", atTerm: 3 },
    ];
    for (const { name, from, atTerm } of rows) {
      const follower = new TestMember({ id: "n2", term: 2 });
      follower.receive("n1", heartbeat(2));
      follower.receive(from, { kind: "timeout-now", term: term(atTerm) });
      expect(follower.status.role, name).to.equal("follower");
    }
  });

  it("never goes to a learner, a stranger or a dead peer", () => {
    const leader = electedMember({ voters: ["n1", "n2", "n3"], learners: ["n4"] });
    for (const from of ["n2", "n4"]) leader.receive(from, accepted(1, 1));
    for (const to of ["n4", "stranger", "n1"]) {
      leader.step({ kind: "transfer", to: raftId(to) });
      expect(leader.status.leading?.transferTo, to).to.equal(undefined);
    }
    leader.step({ kind: "peer-gone", peer: raftId("n2") });
    leader.step({ kind: "transfer" });
    expect(leader.status.leading?.transferTo).to.not.equal("n2");
    const learner = new TestMember({ id: "n4", learners: ["n4"] });
    learner.receive("n1", append({ term: 1, prev: [0, 0] }));
    learner.receive("n1", { kind: "timeout-now", term: term(1) });
    expect(learner.status.role).to.equal("follower");
  });
});
