import { stripVTControlCharacters } from "node:util";
import { expect } from "chai";
import { describeMatrix, describeOwn } from "./gossip.ts";

const member = (name: string, state: string, more: object = {}) => ({
  id: `id-${name}`,
  name,
  role: "worker",
  state,
  sinceMs: 2000,
  linked: true,
  observers: ["a"],
  keys: 1,
  ...more,
});

function view(name: string, ...members: readonly object[]) {
  return {
    node: { id: `id-${name}`, name },
    isolated: false,
    health: 0,
    links: 2,
    shape: "mesh",
    members,
    rings: [],
    traffic: {
      sinceMs: 2000,
      bytes: { sent: 1000, received: 2000 },
      messages: { ping: { sent: 3, received: 4 } },
    },
  };
}

describe("skein gossip", () => {
  it("prints members with state, observers and round trip, and what it costs", () => {
    const lines = describeOwn(
      view("a", member("a", "alive"), member("b", "dead", { evidence: "refused", rttMs: 3 })),
    ).map(stripVTControlCharacters);
    expect(lines[0]).to.equal("a: full mesh, 2 links, health good");
    expect(lines[4]).to.match(/^b\s+worker\s+dead \(refused\)\s+2 s\s+3 ms\s+up\s+a\s+1$/);
    expect(lines).to.include("sent 500 B/s, received 1000 B/s; messages sent/received: ping 3/4");
  });

  it("prints who believes what, and who was not there to be asked", () => {
    const own = view("a", member("a", "alive"), member("b", "suspect"));
    const views = new Map<string, unknown>([
      ["a", own],
      ["b", undefined],
    ]);
    const lines = describeMatrix(own, views).map(stripVTControlCharacters);
    expect(lines[2]).to.match(/^a\s+\.\s+\?$/);
    expect(lines[3]).to.match(/^b\s+does not answer$/);
  });
});
