/**
 * Ongaro's thesis, section 3.5: log replication; the logs of figure 3.6 (figure 7 of the Raft
 * paper).
 */
import { TestCluster } from "@skein/manager/raft/testing/test-cluster";
import {
  accepted,
  append,
  electedMember,
  entriesFrom,
  TestMember,
} from "@skein/manager/raft/testing/test-member";
import { expect } from "chai";

describe("raft thesis 3.5: log replication", () => {
  it("the leader appends first, then sends the entry with what precedes it", () => {
    const leader = electedMember({ log: [1] });
    for (const from of ["n2", "n3"]) leader.receive(from, accepted(2, 2));
    leader.advance(20);
    leader.take();
    leader.propose(1);
    const [sent] = leader.takeKind("append");
    expect(sent).to.include({ term: 2, prevIndex: 2, prevTerm: 2, commit: 2 });
    expect(sent?.entries.map((e) => `${e.index}:${e.term}`)).to.deep.equal(["3:2"]);
  });

  const commits = [
    { size: 3, acks: ["n2"], committed: true },
    { size: 3, acks: [], committed: false },
    { size: 5, acks: ["n2"], committed: false },
    { size: 5, acks: ["n2", "n5"], committed: true },
    { size: 1, acks: [], committed: true },
  ];
  for (const { size, acks, committed } of commits) {
    it(`of ${size}, ${acks.length} acknowledgements ${committed ? "" : "do not "}commit`, () => {
      const voters = ["n1", "n2", "n3", "n4", "n5"].slice(0, size);
      const leader = electedMember({ voters });
      for (const from of acks) leader.receive(from, accepted(1, 1));
      expect(leader.status.commit).to.equal(committed ? 1 : 0);
      expect(leader.status.applied).to.equal(committed ? 1 : 0);
    });
  }

  const preceding = [[], [2], [1, 2], [1]];
  for (const log of preceding) {
    it(`committing an entry commits what precedes it: [${log}]`, () => {
      const leader = electedMember({ log, term: 2 });
      const end = log.length + 1;
      leader.receive("n2", accepted(3, end));
      expect(leader.applied()).to.deep.equal([...log.map((t, at) => `${at + 1}:${t}`), `${end}:3`]);
    });
  }

  it("a follower learns what is committed, and applies it in order", () => {
    const rows = [
      { terms: [1], commit: 1 },
      { terms: [1, 1], commit: 2 },
      { terms: [1, 1], commit: 1 },
      { terms: [1], commit: 9 },
    ];
    for (const { terms, commit } of rows) {
      const follower = new TestMember({ id: "n2" });
      follower.receive(
        "n1",
        append({ term: 1, prev: [0, 0], entries: entriesFrom(1, terms), commit }),
      );
      const expected = Array.from(
        { length: Math.min(commit, terms.length) },
        (_, i) => `${i + 1}:1`,
      );
      expect(follower.applied()).to.deep.equal(expected);
    }
  });

  const checks = [
    { prev: [0, 0], accepted: true, index: 0 },
    { prev: [1, 1], accepted: true, index: 1 },
    { prev: [2, 2], accepted: true, index: 2 },
    { prev: [1, 2], accepted: false, index: 1 },
    { prev: [2, 1], accepted: false, index: 2 },
    { prev: [3, 3], accepted: false, index: 3 },
  ] as const;
  for (const { prev, accepted: isAccepted, index } of checks) {
    it(`[1, 2] ${isAccepted ? "accepts" : "refuses"} what follows ${prev.join(":")}`, () => {
      const follower = new TestMember({ id: "n2", log: [1, 2] });
      follower.receive("n1", append({ term: 3, prev }));
      expect(follower.takeKind("append-response")[0]).to.include({ accepted: isAccepted, index });
    });
  }

  const appends = [
    { prev: [2, 2], terms: [3], log: ["1:1", "2:2", "3:3"] },
    { prev: [1, 1], terms: [3, 4], log: ["1:1", "2:3", "3:4"] },
    { prev: [0, 0], terms: [1], log: ["1:1", "2:2"] },
    { prev: [0, 0], terms: [3], log: ["1:3"] },
  ] as const;
  for (const { prev, terms, log } of appends) {
    it(`[1, 2] and [${terms}] behind ${prev.join(":")} make ${log.join(" ")}`, () => {
      const follower = new TestMember({ id: "n2", log: [1, 2] });
      const entries = entriesFrom(prev[0] + 1, terms);
      follower.receive("n1", append({ term: 4, prev, entries }));
      expect(follower.logWords()).to.deep.equal(log);
    });
  }

  describe("figure 3.6", () => {
    const leaderLog = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const followers = {
      a: [1, 1, 1, 4, 4, 5, 5, 6, 6],
      b: [1, 1, 1, 4],
      c: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      e: [1, 1, 1, 4, 4, 4, 4],
      f: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    };
    const terms = { a: 6, b: 4, c: 6, d: 7, e: 4, f: 3 };

    for (const name of ["a", "b", "c", "d", "e", "f"] as const) {
      it(`brings log ${name} into line, without a probe per entry`, () => {
        const cluster = new TestCluster(
          ["leader", name, "z"],
          {},
          {
            leader: { log: leaderLog, term: 7 },
            [name]: { log: followers[name], term: terms[name] },
            z: { log: leaderLog, term: 7 },
          },
        );
        const leader = cluster.elect("leader");
        leader.propose(1);
        cluster.advance(200);
        const follower = cluster.member(name);
        expect(follower.logWords()).to.deep.equal(leader.logWords());
        expect(follower.status.applied).to.equal(leader.status.lastIndex);
        const refusals = follower.sent.filter(
          ({ message }) => message.kind === "append-response" && !message.accepted,
        );
        expect(refusals.length, "at most one for each differing term").to.be.at.most(3);
      });
    }

    it("brings all seven into line at once", () => {
      const ids = ["leader", "a", "b", "c", "d", "e", "f"];
      const cluster = new TestCluster(
        ids,
        {},
        {
          leader: { log: leaderLog, term: 7 },
          ...Object.fromEntries(
            (["a", "b", "c", "d", "e", "f"] as const).map((name) => [
              name,
              { log: followers[name], term: terms[name] },
            ]),
          ),
        },
      );
      const leader = cluster.elect("leader");
      leader.propose(1);
      cluster.advance(300);
      for (const id of ids) {
        expect(cluster.member(id).logWords(), id).to.deep.equal(leader.logWords());
        expect(cluster.member(id).status.applied, id).to.equal(12);
      }
    });
  });
});
