import { logIndex, raftId } from "@skein/common/ids";
import { encode } from "@skein/common/wire/codec";
import { expect } from "chai";
import type { RaftEffect, RaftMessage } from "./protocol.ts";
import { TestCluster } from "./testing/test-cluster.ts";
import {
  accepted,
  append,
  configurationOf,
  electedMember,
  entriesFrom,
  entry,
  heartbeat,
  rejected,
  TestMember,
} from "./testing/test-member.ts";

describe("raft follower", () => {
  it("truncates only on a conflict: a late append that holds less shortens nothing", () => {
    const follower = new TestMember({ id: "n2", log: [3, 3, 3, 3, 3, 3, 3, 3, 3, 3] });
    const entries = entriesFrom(5, [3, 3, 3]);
    follower.receive("n1", append({ term: 3, prev: [4, 3], entries }));
    expect(follower.status.lastIndex).to.equal(10);
    expect(lastAnswer(follower)).to.include({ accepted: true, index: 7 });
    expect(follower.all("persist"), "nothing was new").to.deep.equal([]);
  });

  it("stops rather than truncate what is committed", () => {
    const follower = new TestMember({ id: "n2", log: [1, 1, 1], commit: 2 });
    const conflict = (prev: readonly [number, number], terms: readonly number[]) => () =>
      follower.receive("n1", append({ term: 2, prev, entries: entriesFrom(prev[0] + 1, terms) }));
    expect(conflict([1, 1], [2])).to.throw("committed up to 2");
    expect(conflict([2, 2], [2])).to.throw("committed entry 2 has term 1");
  });

  it("acknowledges the verified range only, not its own end", () => {
    const follower = new TestMember({ id: "n2", log: [1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2] });
    follower.receive("n1", append({ term: 3, prev: [5, 1], entries: entriesFrom(6, [1, 1]) }));
    expect(lastAnswer(follower)).to.include({ accepted: true, index: 7 });
    follower.receive("n1", heartbeat(3, { commit: 7 }));
    expect(follower.takeKind("append-response"), "a heartbeat acknowledges nothing").to.be.empty;
  });

  it("commits within the verified range only", () => {
    // [7:3] and [8:3] are another leader's; the leader of term 4 committed other entries there.
    const follower = new TestMember({ id: "n2", log: [1, 1, 1, 1, 3, 3, 3, 3] });
    const entries = entriesFrom(5, [3, 3]);
    follower.receive("n1", append({ term: 4, prev: [4, 1], entries, commit: 8 }));
    expect(follower.status.commit).to.equal(6);
  });

  it("replaces a conflicting tail and says so only when that is durable", () => {
    const follower = new TestMember({ id: "n2", log: [1, 1, 1], autoPersist: false });
    follower.receive("n1", append({ term: 2, prev: [1, 1], entries: entriesFrom(2, [2]) }));
    expect(follower.logWords()).to.deep.equal(["1:1", "2:2"]);
    expect(follower.take()).to.deep.equal([]);
    follower.persist();
    expect(lastAnswer(follower)).to.include({ accepted: true, index: 2 });
    const disk = follower.crash().entries.map((e) => `${e.index}:${e.term}`);
    expect(disk).to.deep.equal(["1:1", "2:2"]);
  });

  it("applies what is committed only once it is durable here", () => {
    const follower = new TestMember({ id: "n2", autoPersist: false });
    const entries = entriesFrom(1, [1, 1]);
    follower.receive("n1", append({ term: 1, prev: [0, 0], entries, commit: 2 }));
    expect(follower.status.commit).to.equal(2);
    expect(follower.applied()).to.deep.equal([]);
    follower.persist();
    expect(follower.applied()).to.deep.equal(["1:1", "2:1"]);
  });

  it("hints where logs may meet, by the leader's term there", () => {
    const rows = [
      { log: [1, 1], prev: [5, 2], hint: [2, 1] },
      { log: [1, 1, 2, 2, 2], prev: [4, 3], hint: [4, 2] },
      { log: [1, 4, 4, 4], prev: [4, 2], hint: [1, 1] },
    ] as const;
    for (const { log, prev, hint } of rows) {
      const follower = new TestMember({ id: "n2", log });
      follower.receive("n1", append({ term: 5, prev }));
      const answer = lastAnswer(follower);
      expect([answer?.hintIndex, answer?.hintTerm], prev.join(":")).to.deep.equal(hint);
    }
  });

  it("refuses malformed appends without a word", () => {
    const rows: readonly { name: string; message: RaftMessage }[] = [
      {
        name: "a gap",
        message: append({ term: 2, prev: [0, 0], entries: [entry(1, 1), entry(3, 1)] }),
      },
      {
        name: "falling terms",
        message: append({ term: 2, prev: [0, 0], entries: entriesFrom(1, [2, 1]) }),
      },
      {
        name: "a later term",
        message: append({ term: 2, prev: [0, 0], entries: entriesFrom(1, [3]) }),
      },
      {
        name: "no configuration",
        message: append({
          term: 2,
          prev: [0, 0],
          entries: [{ ...entry(1, 2), kind: "config", data: new Uint8Array([193]) }],
        }),
      },
    ];
    for (const { name, message } of rows) {
      const follower = new TestMember({ id: "n2" });
      follower.receive("n1", message);
      expect(follower.status.messagesIgnored, name).to.equal(1);
      expect(follower.take(), name).to.deep.equal([]);
      expect(follower.status.lastIndex, name).to.equal(0);
    }
  });
});

describe("raft leader", () => {
  it("sends at once when nothing is in flight, and what queues meanwhile as one message", () => {
    const leader = readyLeader();
    for (let token = 1; token <= 5; token += 1) leader.propose(token);
    expect(sizes(leader, "n2")).to.deep.equal([1]);
    leader.receive("n2", accepted(1, 2));
    expect(sizes(leader, "n2"), "the acknowledgement brings the rest").to.deep.equal([4]);
  });

  it("does not wait for an acknowledgement longer than the flush time", () => {
    const leader = readyLeader();
    for (let token = 1; token <= 3; token += 1) leader.propose(token);
    leader.take();
    leader.advance(1);
    expect(sizes(leader, "n2")).to.deep.equal([2]);
  });

  it("splits by bytes and keeps within its window", () => {
    const leader = readyLeader({ inflightMax: 3, appendBytesMax: 70 });
    for (let token = 1; token <= 12; token += 1) leader.propose(token);
    leader.advance(5);
    expect(sizes(leader, "n2")).to.deep.equal([1, 2, 2]);
    leader.receive("n2", accepted(1, 2));
    leader.advance(1);
    expect(sizes(leader, "n2")).to.deep.equal([2]);
  });

  it("commits by its followers while its own disk is stalled", () => {
    const leader = readyLeader();
    leader.autoPersist = false;
    leader.propose(1);
    leader.receive("n2", accepted(1, 2));
    expect(leader.status.commit).to.equal(1);
    leader.receive("n3", accepted(1, 2));
    expect(leader.status.commit).to.equal(2);
    expect(leader.status.applied, "not durable here yet").to.equal(1);
    leader.persist();
    expect(leader.status.applied).to.equal(2);
  });

  it("commits nothing by its own disk alone", () => {
    const leader = readyLeader();
    leader.propose(1);
    expect(leader.status.durableIndex).to.equal(2);
    expect(leader.status.commit).to.equal(1);
  });

  it("tells no peer a commit index beyond what is known to match there", () => {
    const leader = readyLeader();
    leader.propose(1);
    leader.receive("n2", accepted(1, 2));
    leader.take();
    leader.advance(100);
    const told = new Map(
      leader.take().map(({ to, message }) => [to, message.kind === "heartbeat" && message.commit]),
    );
    expect(leader.status.commit).to.equal(2);
    expect([...told])
      .to.deep.include(["n2", 2])
      .and.to.deep.include(["n3", 1]);
  });

  it("never lowers what it knows by a late answer", () => {
    const leader = readyLeader();
    for (let token = 1; token <= 4; token += 1) leader.propose(token);
    leader.advance(1);
    leader.receive("n2", accepted(1, 5));
    leader.receive("n2", accepted(1, 2));
    leader.receive("n2", rejected(1, 3, [0, 0]));
    expect(peer(leader, "n2")).to.include({ state: "replicate", match: 5, next: 6 });
  });

  it("ignores answers of older terms, of strangers and beyond its log", () => {
    const leader = readyLeader();
    leader.propose(1);
    leader.receive("n2", accepted(0, 2));
    leader.receive("n2", accepted(1, 99));
    leader.receive("stranger", accepted(1, 2));
    expect(leader.status.commit).to.equal(1);
    expect(leader.status.messagesIgnored).to.equal(2);
  });

  it("finds where the logs meet within the terms that differ, not entry by entry", () => {
    const cluster = new TestCluster(
      ["n1", "n2", "n3"],
      {},
      {
        n1: { log: [1, ...Array(50).fill(7)], term: 9 },
        n2: { log: [1, ...Array(40).fill(7)], term: 9 },
        n3: { log: [1, ...Array(20).fill(2), ...Array(30).fill(3), ...Array(30).fill(4)], term: 8 },
      },
    );
    let rejections = 0;
    cluster.elect("n1");
    const answers = cluster.member("n3").sent.map((sent) => sent.message);
    for (const message of answers) {
      if (message.kind === "append-response" && !message.accepted) rejections += 1;
    }
    expect(cluster.member("n3").logWords()).to.deep.equal(cluster.member("n1").logWords());
    expect(rejections).to.be.within(1, 4);
  });

  it("gets going again after a whole window was lost", () => {
    const limits = { inflightMax: 2, appendBytesMax: 40 };
    const cluster = new TestCluster(["n1", "n2"], { limits });
    const leader = cluster.elect("n1");
    cluster.advance(20);
    for (let token = 1; token <= 6; token += 1) leader.propose(token);
    leader.advance(3);
    expect(cluster.hold((packet) => packet.message.kind === "append")).to.have.length(2);
    cluster.advance(250);
    expect(cluster.member("n2").status.applied).to.equal(leader.status.lastIndex);
    expect(cluster.leader().status.term).to.equal(1);
  });

  it("asks again after a lost probe, and at once on a new link", () => {
    const leader = electedMember();
    leader.take();
    leader.step({ kind: "peer-linked", peer: raftId("n2") });
    expect(leader.take().map((sent) => sent.to)).to.deep.equal(["n2"]);
    leader.advance(100);
    const round = leader.status.leading?.round ?? 0;
    leader.take();
    leader.receive("n3", { kind: "heartbeat-response", term: leader.status.term, round });
    expect(sizes(leader, "n3")).to.deep.equal([1]);
  });

  it("bounds what is uncommitted, and accepts again when it commits", () => {
    const leader = readyLeader({ uncommittedEntriesMax: 3, uncommittedBytesMax: 1000 });
    leader.propose(1, 900);
    leader.propose(2, 900);
    leader.propose(3);
    leader.propose(4);
    leader.propose(5);
    expect(leader.all("refused").map((e) => [e.token, e.reason])).to.deep.equal([
      [2, "overloaded"],
      [5, "overloaded"],
    ]);
    leader.receive("n2", accepted(1, 4));
    leader.propose(6);
    expect(leader.all("appended").map((effect) => effect.token)).to.deep.equal([1, 3, 4, 6]);
    expect(leader.status.leading?.uncommittedBytes).to.equal(33);
  });

  it("stamps an entry with a term it leads, or refuses it", () => {
    const leader = readyLeader();
    leader.receive("n2", heartbeat(2));
    leader.propose(7);
    expect(leader.all("refused").at(-1)).to.include({ token: 7, reason: "not-leader" });
    expect(leader.status).to.include({ term: 2, lastIndex: 1, lastTerm: 1 });
  });

  it("tells followers of a commit within 10 ms when nothing else carries it", () => {
    const cluster = new TestCluster(["n1", "n2", "n3"]);
    const leader = cluster.elect("n1");
    cluster.advance(50);
    leader.propose(1);
    cluster.advance(10);
    expect(cluster.member("n3").status.applied).to.equal(2);
  });
});

describe("raft apply", () => {
  it("gives a long backlog in pages, each entry once", () => {
    const log = Array(20_000).fill(1);
    const options = { log, commit: 20_000, limits: { applyEntriesMax: 500 } };
    const member = new TestMember(options);
    let pages = 0;
    while (member.status.applied < 20_000) {
      const before = member.status.applied;
      member.step({ kind: "wake" });
      expect(member.status.applied - before).to.be.at.most(500);
      pages += 1;
    }
    expect(pages).to.equal(40);
    const indexes = member.all("apply").flatMap((effect) => effect.entries.map((e) => e.index));
    expect(indexes).to.deep.equal(log.map((_, at) => at + 1));
  });

  it("asks for another step at once while a page waits", () => {
    const log = [1, 1, 1];
    const options = { log, commit: 3, limits: { applyEntriesMax: 2 } };
    const member = new TestMember(options);
    member.step({ kind: "wake" });
    expect(member.status.applied).to.equal(2);
    expect(member.raft.wakeAt()).to.equal(member.now);
  });
});

describe("raft step", () => {
  it("hands out the persist effect before whatever may wait for it", () => {
    const follower = new TestMember({ id: "n2", autoPersist: false });
    const entries = entriesFrom(1, [1]);
    const message = append({ term: 1, prev: [0, 0], entries });
    const kinds = follower.receive("n1", message).map((effect: RaftEffect) => effect.kind);
    expect(kinds.indexOf("persist")).to.be.below(kinds.indexOf("send"));
    expect(kinds.filter((kind) => kind === "persist")).to.have.length(1);
  });

  it("tells of a lost leadership before it applies others' entries", () => {
    const leader = readyLeader();
    leader.propose(1);
    const entries = entriesFrom(2, [2]);
    const effects = leader.receive("n2", append({ term: 2, prev: [1, 1], entries, commit: 2 }));
    expect(effects.map((effect) => effect.kind)).to.include("role");
    expect(leader.all("role").at(-1)).to.include({ role: "follower", term: 2 });
    const kinds = leader.effects.map((effect) => effect.kind);
    expect(kinds.lastIndexOf("role")).to.be.below(kinds.lastIndexOf("apply"));
  });

  it("obeys a configuration from the log at append, and rolls it back with the entry", () => {
    const follower = new TestMember({ id: "n2", log: [1] });
    const wider = { voters: ["n1", "n2", "n3", "n4", "n5"] };
    follower.receive(
      "n1",
      append({ term: 1, prev: [1, 1], entries: [configEntry(2, 1, wider)], commit: 1 }),
    );
    expect(follower.status.configuration.voters).to.have.length(5);
    expect(follower.status.committedConfiguration.voters).to.have.length(3);
    expect(follower.all("configuration").at(-1)?.configuration.voters).to.have.length(5);
    follower.receive("n3", append({ term: 2, prev: [1, 1], entries: entriesFrom(2, [2]) }));
    expect(follower.status.configuration.voters).to.have.length(3);
    expect(follower.all("configuration").at(-1)?.configuration.voters).to.have.length(3);
  });
});

function readyLeader(limits = {}): TestMember {
  const leader = electedMember({ limits });
  for (const from of ["n2", "n3"]) leader.receive(from, accepted(1, 1));
  leader.advance(20);
  leader.take();
  leader.effects.length = 0;
  expect(leader.status.commit).to.equal(1);
  return leader;
}

/** Entries per append that left for `to` since the last look. */
function sizes(leader: TestMember, to: string): readonly number[] {
  return leader
    .take()
    .flatMap((sent) => (sent.to === to && sent.message.kind === "append" ? [sent.message] : []))
    .map((message) => message.entries.length);
}

function peer(leader: TestMember, id: string) {
  return leader.status.leading?.peers.find((other) => other.id === id);
}

function lastAnswer(member: TestMember) {
  return member.takeKind("append-response").at(-1);
}

function configEntry(
  index: number,
  atTerm: number,
  options: { readonly voters: readonly string[] },
) {
  const data = encode(configurationOf(options));
  return { ...entry(index, atTerm), index: logIndex(index), kind: "config" as const, data };
}
