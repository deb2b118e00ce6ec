/** Ongaro's thesis, section 3.10: leadership transfer in its four steps. */
import { raftId } from "@skein/common/ids";
import { TestCluster } from "@skein/manager/raft/testing/test-cluster";
import { expect } from "chai";

describe("raft thesis 3.10: leadership transfer", () => {
  it("stops proposals, completes the target's log, tells it, and it wins the next term", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    const leader = cluster.elect("n1");
    cluster.advance(150);
    leader.propose(1);
    cluster.hold(() => true);
    leader.step({ kind: "transfer", to: raftId("n3") });
    leader.propose(2);
    expect(leader.all("refused").at(-1)?.reason, "1: no new requests").to.equal("transferring");
    expect(kinds(cluster), "2: not told while its log is behind").to.not.include("timeout-now");
    cluster.advance(250);
    const target = cluster.member("n3");
    const votes = target.sent.filter((sent) => sent.message.kind === "vote");
    expect(votes.length, "3: it campaigns without a pre-vote, past the lease").to.equal(2);
    expect(target.sent.some((sent) => sent.message.kind === "pre-vote")).to.equal(false);
    expect(cluster.leaders(), "4: it leads").to.deep.equal(["n3"]);
    expect(target.status.term).to.equal(2);
    expect(target.logWords()).to.include("2:1");
  });

  it("resumes proposals when the target does not win within an election timeout", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    const leader = cluster.elect("n1");
    cluster.advance(150);
    cluster.isolate("n3");
    leader.step({ kind: "transfer", to: raftId("n3") });
    cluster.advance(499);
    leader.propose(1);
    cluster.advance(1);
    leader.propose(2);
    cluster.advance(100);
    expect(leader.all("refused").map((effect) => effect.token)).to.deep.equal([1]);
    expect(leader.status).to.include({ role: "leader", term: 1, commit: 2 });
  });
});

function kinds(cluster: TestCluster): readonly string[] {
  return cluster.packets.map((packet) => packet.message.kind);
}
