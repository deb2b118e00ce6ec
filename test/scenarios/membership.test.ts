/** Changes of the configuration, one member lost or removed at a time. */
import { raftId, term } from "@skein/common/ids";
import { instant } from "@skein/common/time";
import { forceNewCluster } from "@skein/manager/raft/force-new-cluster";
import { decodeConfiguration } from "@skein/manager/raft/membership";
import type { Configuration, MemberChange, RaftEffect } from "@skein/manager/raft/protocol";
import { quorumFloor, voteOutcome } from "@skein/manager/raft/quorum";
import { createRaft } from "@skein/manager/raft/raft";
import { TestCluster } from "@skein/manager/raft/testing/test-cluster";
import { ballot, heartbeat, TestMember } from "@skein/manager/raft/testing/test-member";
import { expect } from "chai";

const THREE = ["n1", "n2", "n3"];
const FIVE = ["n1", "n2", "n3", "n4", "n5"];

describe("scenarios: membership", () => {
  it("R43: a leader changes nothing before it committed in its own term", () => {
    const cluster = new TestCluster(["s1", "s2", "s3", "s4"]);
    const s1 = cluster.elect("s1");
    join(cluster, "s5");
    cluster.isolate("s1");
    expect(ask(s1, { kind: "add-learner", id: raftId("s5"), ...somewhere })).to.equal("appended");
    s1.stall(1);
    const s2 = cluster.elect("s2");
    expect(s2.status.leading?.noopIndex).to.equal(s2.status.lastIndex);
    // The no-op is on its way only: S1's change may yet be the one that counts.
    const late = new TestMember({ id: "s2", voters: ["s1", "s2", "s3", "s4"] });
    late.advance(1000);
    for (const from of ["s3", "s4"]) late.receive(from, grantOf("pre-vote", 1));
    for (const from of ["s3", "s4"]) late.receive(from, grantOf("vote", 1));
    expect(late.status.role).to.equal("leader");
    expect(ask(late, { kind: "remove", id: raftId("s1") })).to.equal("not-ready");
    expect(ask(s2, { kind: "remove", id: raftId("s1") })).to.equal("appended");
    cluster.settle();
    expect(s2.status.committedConfiguration.voters).to.deep.equal(["s2", "s3", "s4"]);
    cluster.heal();
    cluster.advance(3000);
    expect(cluster.leaders()).to.not.include("s1");
  });

  it("R44: a joint decision has a majority of both halves, for every set of answers", () => {
    const [outgoing, voters] = [["n1", "n2", "n3"].map(raftId), ["n3", "n4", "n5"].map(raftId)];
    const joint: Configuration = { voters, outgoing, learners: [], addresses: {} };
    for (let set = 0; set < 2 ** FIVE.length; set += 1) {
      const said = new Set(FIVE.filter((_, at) => (set >> at) % 2 === 1).map(raftId));
      const half = (ids: readonly string[]): boolean =>
        ids.filter((id) => said.has(raftId(id))).length * 2 > ids.length;
      const both = half(outgoing) && half(voters);
      expect(quorumFloor(joint, (id) => (said.has(id) ? 1 : 0)) === 1, `${set}`).to.equal(both);
      const votes = new Map(FIVE.map((id) => [raftId(id), said.has(raftId(id))]));
      expect(voteOutcome(joint, votes), `${set}`).to.equal(both ? "won" : "lost");
    }
  });

  it("R45: one change at a time, also past a change of leader", () => {
    const cluster = new TestCluster(THREE);
    const n1 = cluster.elect("n1");
    cluster.advance(150);
    cluster.isolate("n1");
    expect(ask(n1, { kind: "demote", id: raftId("n3") })).to.equal("appended");
    expect(ask(n1, { kind: "demote", id: raftId("n2") })).to.equal("change-pending");
    expect(ask(n1, { kind: "describe", id: raftId("n2"), address: "b" })).to.equal(
      "change-pending",
    );
    cluster.heal();
    cluster.settle();
    cluster.advance(200);
    expect(n1.status.committedConfiguration.voters).to.deep.equal(["n1", "n2"]);
    expect(configurationsIn(n1).map((one) => one.outgoing?.length ?? 0)).to.deep.equal([3, 0]);
  });

  it("R46: a change that a new leader replaces is undone at once", () => {
    const cluster = new TestCluster(THREE);
    const n1 = cluster.elect("n1");
    cluster.advance(150);
    cluster.isolate("n1");
    ask(n1, { kind: "remove", id: raftId("n3") });
    expect(n1.status.configuration.outgoing).to.have.length(3);
    cluster.elect("n2");
    cluster.heal();
    cluster.advance(1000);
    expect(n1.status.role).to.equal("follower");
    expect(n1.status.configuration).to.not.have.property("outgoing");
    expect(n1.status.configuration.voters).to.deep.equal(THREE);
    expect(n1.all("configuration").at(-1)?.configuration.voters).to.deep.equal(THREE);
  });

  for (const reached of ["nobody", "the old majority", "everybody"] as const) {
    it(`R47: the leader dies while joint, its change at ${reached}`, () => {
      const cluster = new TestCluster(FIVE, {}, {});
      const n1 = cluster.elect("n1");
      cluster.advance(150);
      if (reached === "nobody") cluster.isolate("n1");
      if (reached === "the old majority") for (const to of ["n4", "n5"]) cluster.cut("n1", to);
      ask(n1, { kind: "demote", id: raftId("n5") });
      const held = cluster.hold(({ message }) => message.kind === "append-response");
      while (cluster.packets.length > 0) {
        cluster.deliver(cluster.packets.shift() ?? held[0] ?? fail());
        cluster.hold(({ message }) => message.kind === "append-response");
      }
      cluster.heal();
      cluster.isolate("n1");
      cluster.advance(4000);
      const leader = cluster.leader();
      const { configuration, committedConfiguration } = leader.status;
      expect(leader.id).to.not.equal("n1");
      expect(configuration).to.equal(committedConfiguration);
      expect(configuration.outgoing).to.equal(undefined);
      expect(configuration.voters).to.have.length(reached === "nobody" ? 5 : 4);
      const left = configurationsIn(leader).filter((one) => one.outgoing === undefined);
      expect(left).to.have.length(reached === "nobody" ? 0 : 1);
      cluster.heal();
      cluster.advance(2000);
      expect(cluster.member("n1").status.configuration).to.deep.equal(configuration);
    });
  }

  it("R47: a transfer in the middle of a change leaves one leave behind, by whoever leads", () => {
    const cluster = new TestCluster(FIVE);
    const n1 = cluster.elect("n1");
    cluster.advance(150);
    ask(n1, { kind: "demote", id: raftId("n5") });
    n1.step({ kind: "transfer", to: raftId("n2") });
    cluster.settle();
    cluster.advance(500);
    expect(cluster.leaders()).to.deep.equal(["n2"]);
    const left = configurationsIn(cluster.leader()).filter((one) => one.outgoing === undefined);
    expect(left).to.have.length(1);
  });

  it("R48: a voter that slept through two additions elects nobody beside the others", () => {
    const cluster = new TestCluster(THREE);
    const n1 = cluster.elect("n1");
    cluster.isolate("n3");
    for (const id of ["n4", "n5"]) {
      join(cluster, id);
      ask(n1, { kind: "add-learner", id: raftId(id), ...somewhere });
      cluster.advance(300);
      expect(ask(n1, { kind: "promote", id: raftId(id) }), id).to.equal("appended");
      cluster.advance(300);
    }
    expect(n1.status.committedConfiguration.voters).to.have.length(5);
    cluster.isolate("n1");
    cluster.heal();
    cluster.isolate("n1");
    cluster.advance(5000);
    const terms = cluster.leaders().map((id) => cluster.member(id).status.term);
    expect(new Set(terms).size).to.equal(terms.length);
    expect(cluster.leader().id).to.not.equal("n1");
  });

  for (const voters of [2, 3]) {
    it(`R49: the leader of ${voters} removes itself, hands over and is done`, () => {
      const cluster = new TestCluster(THREE.slice(0, voters));
      const n1 = cluster.elect("n1");
      cluster.advance(150);
      expect(ask(n1, { kind: "remove", id: raftId("n1") })).to.equal("appended");
      cluster.settle();
      expect(n1.status.role).to.equal("follower");
      cluster.advance(1000);
      expect(cluster.leaders()).to.have.length(1);
      expect(cluster.leader().id).to.not.equal("n1");
      const { voters: left, removed } = cluster.leader().status.committedConfiguration;
      expect(left).to.deep.equal(THREE.slice(1, voters));
      expect(removed).to.deep.equal(["n1"]);
    });
  }

  it("R50: a removed member campaigns in vain and is not heard", () => {
    const cluster = new TestCluster(THREE);
    const n1 = cluster.elect("n1");
    cluster.isolate("n3");
    cluster.advance(150);
    expect(ask(n1, { kind: "remove", id: raftId("n3") })).to.equal("appended");
    cluster.advance(300);
    const before = n1.status.term;
    cluster.heal();
    cluster.advance(10_000);
    expect(cluster.leaders()).to.deep.equal(["n1"]);
    expect(n1.status.term).to.equal(before);
    const ignored = n1.status.messagesIgnored;
    n1.receive("n3", ballot("vote", 90, [90, 80], true));
    expect(n1.status).to.include({ term: before, messagesIgnored: ignored + 1 });
    n1.receive("n3", { kind: "heartbeat-response", term: term(before), round: 99_999 });
    expect(ask(n1, { kind: "add-learner", id: raftId("n3"), ...somewhere })).to.equal(
      "removed-member",
    );
  });

  it("R51: a learner counts for nothing, but votes if it is asked", () => {
    const cluster = new TestCluster([...THREE, "n4"], { learners: ["n4"] });
    const n1 = cluster.elect("n1");
    cluster.advance(150);
    for (const id of ["n2", "n3"]) cluster.isolate(id);
    n1.propose(7);
    cluster.settle();
    expect(n1.status.commit).to.be.below(n1.status.lastIndex);
    cluster.advance(1500);
    expect(cluster.leaders()).to.deep.equal([]);
    cluster.advance(5000);
    expect(cluster.member("n4").status).to.include({ role: "follower", term: 1 });
    const learner = new TestMember({ id: "n4", voters: THREE, learners: ["n4"] });
    learner.receive("n2", ballot("vote", 5, [9, 4]));
    expect(learner.takeKind("vote-response")).to.deep.include({ ...grantOf("vote", 5) });
  });

  it("R51: who lags, is silent, or would cost the quorum does not become a voter", function lags() {
    this.timeout(30_000);
    const cluster = new TestCluster(["n1", "n2"], { learners: ["n2"], voters: ["n1"] });
    const n1 = cluster.elect("n1");
    cluster.isolate("n2");
    cluster.advance(1000);
    expect(ask(n1, { kind: "promote", id: raftId("n2") })).to.equal("not-caught-up");
    for (let token = 1; token <= 1100; token += 1) n1.propose(token);
    cluster.heal();
    n1.receive("n2", { kind: "heartbeat-response", term: n1.status.term, round: 1 });
    expect(ask(n1, { kind: "promote", id: raftId("n2") })).to.equal("not-caught-up");
    cluster.advance(500);
    expect(ask(n1, { kind: "promote", id: raftId("n2") })).to.equal("appended");
    cluster.advance(300);
    expect(n1.status.committedConfiguration.voters).to.deep.equal(["n1", "n2"]);
    expect(ask(n1, { kind: "demote", id: raftId("n2") })).to.equal("appended");
    cluster.advance(300);
    expect(ask(n1, { kind: "remove", id: raftId("n1") })).to.equal("last-voter");
  });

  it("R51: a voter is not let go while too few of the others are heard", () => {
    const cluster = new TestCluster(THREE);
    const n1 = cluster.elect("n1");
    cluster.isolate("n3");
    cluster.advance(1500);
    expect(ask(n1, { kind: "demote", id: raftId("n2") })).to.equal("would-lose-quorum");
    expect(ask(n1, { kind: "remove", id: raftId("n3") })).to.equal("appended");
    cluster.advance(200);
    expect(n1.status.committedConfiguration.voters).to.deep.equal(["n1", "n2"]);
  });

  it("R52: an id that was removed never comes back", () => {
    const cluster = new TestCluster(THREE);
    const n1 = cluster.elect("n1");
    cluster.advance(150);
    ask(n1, { kind: "remove", id: raftId("n3") });
    cluster.advance(300);
    expect(ask(n1, { kind: "add-learner", id: raftId("n3"), ...somewhere })).to.equal(
      "removed-member",
    );
    n1.receive("n3", heartbeat(99));
    expect(n1.status.role).to.equal("leader");
  });
});

describe("scenarios: one manager goes on alone", () => {
  it("R54: keeps its log, buries the others, and is never joined by them again", () => {
    const cluster = new TestCluster(THREE);
    const n1 = cluster.elect("n1");
    cluster.advance(150);
    cluster.isolate("n3");
    n1.propose(1);
    cluster.settle();
    cluster.isolate("n1");
    n1.propose(2);
    const before = n1.crash();
    const forced = forceNewCluster(before, raftId("n1"));
    expect(forced.removed).to.deep.equal(["n2", "n3"]);
    expect(forced.keptTo).to.equal(before.entries.at(-1)?.index);
    // Nothing that was acknowledged may go: the whole log stays, in front of the new entry.
    expect(forced.recovered.entries.slice(0, -1)).to.deep.equal(before.entries);
    expect(forced.hardState.term).to.be.above(before.hardState.term);
    const alone = new TestMember({ id: "n1" });
    const survivor = createRaft({
      id: alone.id,
      recovered: forced.recovered,
      random: { below: () => 0, id: () => "x" },
      now: instant(0),
    });
    survivor.step(instant(0), { kind: "wake" });
    survivor.step(instant(1), { kind: "wake" });
    survivor.step(instant(1), { kind: "persisted", upTo: survivor.status().persistsIssued });
    expect(survivor.status().role).to.equal("leader");
    survivor.step(instant(2), { kind: "persisted", upTo: survivor.status().persistsIssued });
    const { commit, lastIndex, term: led } = survivor.status();
    expect(commit).to.equal(lastIndex);
    for (const from of ["n2", "n3"].map(raftId)) {
      const message = ballot("vote", led + 50, [99, led + 49], true);
      survivor.step(instant(3), { kind: "receive", from, message });
      const append = { kind: "heartbeat", term: term(led + 60), commit, round: 1 } as const;
      survivor.step(instant(3), { kind: "receive", from, message: append });
    }
    expect(survivor.status()).to.include({ role: "leader", term: led, commit });
  });
});

const somewhere = { nodeId: "node", address: "127.0.1.9:2377" } as const;

/** What came of it: "appended", or the reason of the refusal. */
function ask(member: TestMember, change: MemberChange): string {
  const effects = member.step({ kind: "change", token: 9, change });
  const answer = effects.find(
    (effect): effect is Extract<RaftEffect, { readonly token: number }> =>
      effect.kind === "appended" || effect.kind === "change-refused",
  );
  return answer?.kind === "change-refused" ? answer.reason : (answer?.kind ?? "nothing");
}

/** A member with an empty log, which knows of nobody. */
function join(cluster: TestCluster, id: string): void {
  cluster.add(new TestMember({ id, voters: [] }, cluster.now));
}

function grantOf(kind: "vote" | "pre-vote", atTerm: number) {
  return { kind: `${kind}-response`, term: term(atTerm), granted: true } as const;
}

/** The changes in the log of a member. */
function configurationsIn(member: TestMember): readonly Configuration[] {
  return member.raft
    .log()
    .entries.filter((entry) => entry.kind === "config")
    .map((entry) => {
      const decoded = decodeConfiguration(entry);
      if (!decoded.ok) throw new Error(decoded.error.reason);
      return decoded.value;
    });
}

function fail(): never {
  throw new Error("no packet");
}
