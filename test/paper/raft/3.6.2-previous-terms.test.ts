/**
 * Ongaro's thesis, section 3.6.2 and figure 3.7 (figure 8 of the Raft paper): entries of previous
 * terms are never committed by counting.
 *
 * S1 led term 2 and left [2:2] on S1 and S2. S5 led term 3 and left [2:3] on itself alone. S1 leads
 * term 4 and brings [2:2] to S3: a majority holds it. If that made it committed, S5 could still be
 * elected by S2, S3 and S4 and overwrite it.
 */
import { raftId } from "@skein/common/ids";
import { later } from "@skein/common/time";
import type { Packet } from "@skein/manager/raft/testing/test-cluster";
import { TestCluster } from "@skein/manager/raft/testing/test-cluster";
import { accepted, append, electedMember, entry } from "@skein/manager/raft/testing/test-member";
import { expect } from "chai";

const SERVERS = ["s1", "s2", "s3", "s4", "s5"];

describe("raft thesis 3.6.2: committing entries from previous terms", () => {
  it("(c) an older term's entry on a majority is not committed", () => {
    const { s1 } = figure();
    expect(s1.status).to.include({ role: "leader", term: 4, commit: 1 });
    const match = new Map(s1.status.leading?.peers.map((peer) => [peer.id, peer.match]));
    expect([match.get(raftId("s2")), match.get(raftId("s3"))]).to.deep.equal([2, 2]);
    expect(s1.applied()).to.deep.equal(["1:1"]);
  });

  it("(d) the entry may be overwritten, and nobody had applied it", () => {
    const { cluster } = figure();
    cluster.heal();
    cluster.isolate("s1");
    cluster.now = later(cluster.now, 500);
    cluster.elect("s5");
    cluster.advance(300);
    for (const id of ["s2", "s3", "s4", "s5"]) {
      expect(cluster.member(id).applied().slice(0, 3), id).to.deep.equal(["1:1", "2:3", "3:5"]);
    }
  });

  it("(e) once an entry of the leader's own term is on a majority, both commit", () => {
    const { cluster, s1 } = figure();
    cluster.heal();
    cluster.advance(300);
    expect(s1.status.term).to.equal(4);
    for (const id of SERVERS) {
      expect(cluster.member(id).applied().slice(0, 3), id).to.deep.equal(["1:1", "2:2", "3:4"]);
    }
  });

  it("by acknowledgements: old entries wait for the leader's own", () => {
    const leader = electedMember({ log: [1, 1, 2] });
    leader.receive("n2", accepted(3, 3));
    leader.receive("n3", accepted(3, 3));
    expect(leader.status.commit).to.equal(0);
    leader.receive("n3", accepted(3, 4));
    expect(leader.status.commit).to.equal(4);
  });
});

/** Up to (c): S1 leads term 4; [2:2] reached S3, S1's own entry of term 4 reached nobody. */
function figure() {
  const cluster = new TestCluster(
    SERVERS,
    { commit: 1 },
    {
      s1: { log: [1, 2], term: 3 },
      s2: { log: [1, 2], term: 3 },
      s3: { log: [1], term: 3 },
      s4: { log: [1], term: 3 },
      s5: { log: [1, 3], term: 3 },
    },
  );
  for (const id of SERVERS) {
    cluster.cut(id, "s5");
    cluster.cut("s5", id);
  }
  const s1 = cluster.member("s1");
  while (s1.status.role !== "leader") electStep(cluster);
  // The no-op [3:4] is in every append but may arrive nowhere: hand over [2:2] alone.
  for (const id of ["s2", "s3"]) {
    cluster.deliver(onlyOldEntries(id));
    const answers = cluster.hold((packet) => packet.to === "s1");
    for (const answer of answers) cluster.deliver(answer);
    cluster.hold(() => true);
  }
  return { cluster, s1 };
}

/** One round of an election of s1 in which every append is lost. */
function electStep(cluster: TestCluster): void {
  const s1 = cluster.member("s1");
  const at = s1.raft.wakeAt();
  if (at !== undefined && at > cluster.now) cluster.now = at;
  s1.now = cluster.now;
  s1.step({ kind: "wake" });
  while (cluster.packets.length > 0) {
    const [packet, ...rest] = cluster.packets;
    cluster.packets = rest;
    if (packet !== undefined && packet.message.kind !== "append") cluster.deliver(packet);
  }
}

function onlyOldEntries(to: string): Packet {
  const message = append({ term: 4, prev: [1, 1], entries: [entry(2, 2)], commit: 1 });
  return { from: "s1", to, message };
}
