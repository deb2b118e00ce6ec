import { expect } from "chai";
import { describeEffect, describeMessage, describeStatus } from "./describe.ts";
import {
  accepted,
  append,
  ballot,
  electedMember,
  entriesFrom,
  entry,
  heartbeat,
  rejected,
  snapshotOf,
} from "./testing/test-member.ts";

describe("raft in print", () => {
  it("has one form for each message", () => {
    const rows = [
      [ballot("vote", 3, [7, 2], true), "vote t3 log 7:2 force"],
      [
        append({ term: 3, prev: [7, 2], entries: entriesFrom(8, [2, 3]), commit: 6 }),
        "append t3 prev 7:2 commit 6 [8:2 … 9:3]",
      ],
      [append({ term: 3, prev: [7, 2] }), "append t3 prev 7:2 commit 0 []"],
      [
        append({ term: 3, prev: [7, 2], entries: [entry(8, 3, "noop")] }),
        "append t3 prev 7:2 commit 0 [8:3 noop]",
      ],
      [accepted(3, 9), "append-response t3 accepted 9"],
      [rejected(3, 9, [4, 2]), "append-response t3 rejected 9 hint 4:2"],
      [heartbeat(3, { commit: 5, round: 12 }), "heartbeat t3 commit 5 round 12"],
    ] as const;
    for (const [message, text] of rows) expect(describeMessage(message)).to.equal(text);
  });

  it("has one form for effects and state", () => {
    const leader = electedMember({ log: [1] });
    leader.receive("n2", accepted(2, 2));
    expect(leader.effects.map(describeEffect)).to.deep.equal([
      "configuration voters n1 n2 n3",
      "role follower t1",
      "role pre-candidate t1",
      "persist t2 vote n1 commit 0 []",
      "role candidate t2",
      "persist t2 vote n1 commit 0 [2:2 noop]",
      "role leader t2 leader n1",
      "apply [1:1 … 2:2 noop]",
      "role leader t2 leader n1 ready",
    ]);
    expect(describeStatus(leader.status)).to.equal(
      "n1 leader t2 vote n1 snapshot 0 applied 2 commit 2 durable 2 last 2:2; " +
        "n2 replicate match 2 next 3 inflight 0; n3 probe match 0 next 2 inflight 0",
    );
    const meta = snapshotOf(4, 2, { learners: ["n4"] });
    expect(describeEffect({ kind: "install-snapshot", meta })).to.equal(
      "install-snapshot 4:2 (voters n1 n2 n3, learners n4)",
    );
  });
});
