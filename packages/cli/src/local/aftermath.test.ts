import { expect } from "chai";
import { aftermath, newLeader, readLogLines, whoKnows } from "./aftermath.ts";

const AT = Date.parse("2026-01-31T12:00:00.000Z");
const LOSS = {
  at: AT,
  names: new Map([
    ["id1", "manager-1"],
    ["id2", "manager-2"],
    ["id3", "manager-3"],
    ["127.0.1.2", "manager-2"],
  ]),
  killed: new Set(["manager-2"]),
};

const line = (ms: number, said: object): string =>
  JSON.stringify({ time: new Date(AT + ms).toISOString(), ...said });
const role = (ms: number, name: string, term: number, ready = false): string =>
  line(ms, { message: "raft role", role_: name, term_: term, ready });
const closed = (ms: number, host: string): string =>
  line(ms, { message: "manager link closed", peer: "m", address: `${host}:2377` });
const dead = (ms: number, nodeId: string): string =>
  line(ms, { message: "member is dead", nodeId });

describe("what followed a loss", () => {
  const lines = [
    ...readLogLines(
      "manager-1",
      [
        role(-500, "follower", 1),
        closed(4, "127.0.1.2"),
        dead(30, "id2"),
        role(50, "pre-candidate", 1),
        role(90, "candidate", 2),
        role(140, "leader", 2),
        role(200, "leader", 2, true),
        '{"time":"2026-01-31T12',
      ].join("\n"),
    ),
    ...readLogLines(
      "manager-3",
      [dead(20, "id2"), closed(9, "127.0.1.2"), closed(9, "127.0.1.1")].join("\n"),
    ),
  ];

  it("is told in order of time, and once for what several nodes noticed", () => {
    const rows = aftermath(lines, LOSS);
    expect(rows.map(({ ms, nodes, what }) => `${ms} ${nodes.join(",")} ${what}`)).to.deep.equal([
      "9 manager-1,manager-3 lost the connection to manager-2; the first after 4 ms",
      "30 manager-3,manager-1 gossip: manager-2 is dead; the first after 20 ms",
      "50 manager-1 asks whether an election could be won",
      "90 manager-1 candidate, term 2",
      "140 manager-1 elected leader, term 2",
      "200 manager-1 serves reads and writes",
    ]);
  });

  it("names who leads once that one serves, and who knows of the loss", () => {
    expect(newLeader(lines, LOSS)).to.equal("manager-1");
    const before = lines.filter(({ at }) => at < AT + 200);
    expect(newLeader(before, LOSS)).to.equal(undefined);
    expect([...whoKnows(lines, LOSS)]).to.deep.equal([
      "manager-1 of manager-2",
      "manager-3 of manager-2",
    ]);
  });

  it("is empty for lines that say something else, or nothing", () => {
    const odd = readLogLines("x", "{}\nnull\n7\n[]\n" + line(5, { message: "ready" }));
    expect(aftermath(odd, LOSS)).to.deep.equal([]);
    expect(newLeader(odd, LOSS)).to.equal(undefined);
  });
});
