/** Ongaro's thesis, section 3.3: terms are a logical clock; every message carries one. */
import { term } from "@skein/common/ids";
import {
  accepted,
  append,
  ballot,
  electedMember,
  grant,
  heartbeat,
  rejected,
  TestMember,
} from "@skein/manager/raft/testing/test-member";
import { expect } from "chai";

describe("raft thesis 3.3: terms", () => {
  const later = [
    { name: "append", message: append({ term: 7, prev: [0, 0] }), leader: "n2" },
    { name: "heartbeat", message: heartbeat(7), leader: "n2" },
    { name: "append-response", message: rejected(7, 0, [0, 0]), leader: undefined },
    { name: "vote-response", message: grant("vote", 7, false), leader: undefined },
    {
      name: "heartbeat-response",
      message: { kind: "heartbeat-response", term: term(7), round: 0 } as const,
      leader: undefined,
    },
  ];

  for (const { name, message, leader } of later) {
    it(`a follower, a candidate and a leader enter the later term of ${name}`, () => {
      for (const member of [new TestMember(), candidate(), electedMember()]) {
        member.receive("n2", message);
        expect(member.status).to.include({ role: "follower", term: 7 });
        expect(member.status.leader).to.equal(leader);
        expect(member.crash().hardState.term).to.equal(7);
      }
    });
  }

  it("a later term clears the vote, the same term never does", () => {
    const member = new TestMember({ term: 2, votedFor: "n3" });
    member.receive("n2", heartbeat(2));
    expect(member.status.votedFor).to.equal("n3");
    member.receive("n2", heartbeat(3));
    expect(member.status.votedFor).to.equal(undefined);
  });

  it("a request of an older term is refused with the newer one", () => {
    const rows = [
      { message: append({ term: 3, prev: [0, 0] }), answer: { accepted: false, term: 5 } },
      { message: ballot("vote", 3, [9, 3]), answer: { granted: false, term: 5 } },
      { message: ballot("pre-vote", 5, [9, 4]), answer: { granted: false, term: 5 } },
      { message: heartbeat(3), answer: { kind: "heartbeat-response", term: 5 } },
    ];
    for (const { message, answer } of rows) {
      const member = new TestMember({ term: 5 });
      member.receive("n2", message);
      expect(member.take().at(-1)?.message, message.kind).to.include(answer);
      expect(member.status).to.include({ role: "follower", term: 5 });
    }
  });

  it("an answer of an older term is ignored", () => {
    const leader = electedMember({ term: 5 });
    leader.receive("n2", accepted(5, 1));
    leader.receive("n3", accepted(5, 1));
    expect(leader.status).to.include({ role: "leader", term: 6, commit: 0 });
  });
});

function candidate(): TestMember {
  const member = new TestMember();
  member.advance(1000);
  member.receive("n2", grant("pre-vote", 1));
  expect(member.status.role).to.equal("candidate");
  return member;
}
