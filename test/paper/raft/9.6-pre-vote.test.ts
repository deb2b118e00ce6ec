/** Ongaro's thesis, section 9.6: pre-vote keeps a returning member from disturbing the cluster. */
import { TestCluster } from "@skein/manager/raft/testing/test-cluster";
import { ballot, grant, heartbeat, TestMember } from "@skein/manager/raft/testing/test-member";
import { expect } from "chai";

describe("raft thesis 9.6: preventing disruptions", () => {
  it("a pre-candidate asks for its next term without entering it, and writes nothing", () => {
    const member = new TestMember({ log: [1, 2], term: 4 });
    member.advance(1000);
    expect(member.status).to.include({ role: "pre-candidate", term: 4 });
    expect(member.take().map((sent) => sent.message)).to.deep.equal([
      ballot("pre-vote", 5, [2, 2]),
      ballot("pre-vote", 5, [2, 2]),
    ]);
    expect(member.all("persist")).to.deep.equal([]);
  });

  it("only a majority of pre-votes lets it raise its term", () => {
    const member = new TestMember({ voters: ["n1", "n2", "n3", "n4", "n5"] });
    member.advance(1000);
    member.receive("n2", grant("pre-vote", 1));
    expect(member.status).to.include({ role: "pre-candidate", term: 0 });
    member.receive("n3", grant("pre-vote", 1));
    expect(member.status).to.include({ role: "candidate", term: 1 });
  });

  it("a pre-vote goes to an up-to-date log from who hears no leader; it binds to nothing", () => {
    const member = new TestMember({ id: "n2", log: [1, 1], term: 1 });
    for (const from of ["n1", "n3"]) {
      member.receive(from, ballot("pre-vote", 2, [2, 1]));
      expect(member.takeKind("pre-vote-response")).to.deep.equal([grant("pre-vote", 2)]);
    }
    member.receive("n3", ballot("pre-vote", 2, [1, 1]));
    member.receive("n1", heartbeat(1));
    member.receive("n3", ballot("pre-vote", 2, [2, 1]));
    const refused = grant("pre-vote", 1, false);
    expect(member.takeKind("pre-vote-response")).to.deep.equal([refused, refused]);
    expect(member.status.term).to.equal(1);
    expect(member.status.votedFor).to.equal(undefined);
  });

  it("a member that was cut off for long returns without an election", () => {
    const cluster = new TestCluster(["n1", "n2", "n3", "n4", "n5"]);
    cluster.elect("n1");
    cluster.advance(200);
    cluster.isolate("n5");
    cluster.advance(20_000);
    cluster.heal();
    cluster.advance(2000);
    expect(cluster.leaders()).to.deep.equal(["n1"]);
    expect([...cluster.members.values()].map((m) => m.status.term)).to.deep.equal([1, 1, 1, 1, 1]);
  });
});
