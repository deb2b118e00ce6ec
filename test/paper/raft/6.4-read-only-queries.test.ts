/** Ongaro's thesis, section 6.4: read-only queries without the log, in five steps. */
import { logIndex, term } from "@skein/common/ids";
import { TestCluster } from "@skein/manager/raft/testing/test-cluster";
import { accepted, electedMember } from "@skein/manager/raft/testing/test-member";
import { expect } from "chai";

describe("raft thesis 6.4: read-only queries", () => {
  it("1: wait until an entry of the leader's term is committed", () => {
    const leader = electedMember({ log: [1, 1], commit: 0 });
    leader.step({ kind: "read", token: 1 });
    leader.receive("n2", { kind: "heartbeat-response", term: term(2), round: 0 });
    expect(leader.all("read-ready")).to.deep.equal([]);
    expect(leader.takeKind("heartbeat"), "no round begins before").to.deep.equal([]);
    leader.receive("n2", accepted(2, 3));
    expect(leader.takeKind("heartbeat")).to.have.length(2);
  });

  it("2 and 3: remember the commit index, then confirm the leadership by a round", () => {
    const leader = electedMember();
    leader.receive("n2", accepted(1, 1));
    leader.step({ kind: "read", token: 1 });
    const round = leader.status.leading?.round ?? 0;
    // What commits after the read was registered is not needed for it.
    leader.propose(2);
    leader.receive("n2", accepted(1, 2));
    leader.receive("n3", { kind: "heartbeat-response", term: term(1), round });
    expect(leader.all("read-ready")).to.deep.equal([{ kind: "read-ready", token: 1, index: 1 }]);
  });

  it("4: wait until the state machine has applied that index", () => {
    const leader = electedMember();
    leader.receive("n2", accepted(1, 1));
    leader.autoPersist = false;
    leader.propose(1);
    for (const from of ["n2", "n3"]) leader.receive(from, accepted(1, 2));
    expect(leader.status).to.include({ commit: 2, applied: 1 });
    leader.step({ kind: "read", token: 1 });
    const round = leader.status.leading?.round ?? 0;
    leader.receive("n2", { kind: "heartbeat-response", term: term(1), round });
    expect(leader.all("read-ready")).to.deep.equal([]);
    leader.persist();
    expect(leader.all("read-ready")).to.deep.equal([{ kind: "read-ready", token: 1, index: 2 }]);
  });

  it("5: followers serve reads with the leader's help", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    const leader = cluster.elect("n1");
    cluster.advance(50);
    leader.propose(1);
    cluster.settle();
    const follower = cluster.member("n3");
    follower.step({ kind: "read", token: 5 });
    cluster.advance(20);
    expect(follower.all("read-ready")).to.deep.equal([
      { kind: "read-ready", token: 5, index: logIndex(2) },
    ]);
    expect(follower.status.applied).to.equal(2);
  });
});
