import { stripVTControlCharacters } from "node:util";
import { expect } from "chai";
import {
  describeHead,
  describeMatrix,
  describeMembers,
  describeRings,
  describeTraffic,
} from "./gossip-view.ts";

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
    rings: [] as readonly (readonly string[])[],
    traffic: {
      sinceMs: 2000,
      bytes: { sent: 1000, received: 20_000 },
      messages: { ping: { sent: 3, received: 4 }, news: { sent: 10, received: 30 } },
    },
  };
}

const plain = (lines: readonly string[]): readonly string[] => lines.map(stripVTControlCharacters);

describe("skein gossip", () => {
  it("counts members by what is believed of them", () => {
    const own = view("a", member("a", "alive"), member("b", "dead"), member("c", "suspect"));
    const [head] = plain(describeHead(own));
    expect(head).to.equal("As a sees it: 3 members, 1 alive, 1 suspect, 1 dead");
  });

  it("says when the node takes itself for isolated", () => {
    const lines = plain(describeHead({ ...view("a", member("a", "alive")), isolated: true }));
    expect(lines[1]).to.match(/isolated: most of the cluster does not answer/);
  });

  it("prints a line a member: state and reason, round trip, link, its own health", () => {
    const own = view(
      "a",
      member("a", "alive"),
      member("b", "dead", { evidence: "refused", linked: false }),
      member("c", "alive", { rttMs: 3 }),
    );
    const ill = { ...view("c"), health: 5 };
    const views = new Map<string, unknown>([
      ["a", own],
      ["c", ill],
    ]);
    const lines = plain(describeMembers(own, views));
    expect(lines[1]).to.match(/^● a\s+worker\s+alive\s+2 s\s+-\s+self\s+good\s+1 key\s+everybody$/);
    expect(lines[2]).to.match(
      /^✗ b\s+worker\s+dead: its port refuses\s+2 s\s+-\s+-\s+-\s+1 key\s+a$/,
    );
    expect(lines[3]).to.match(/3 ms\s+up\s+5 of 7, time-outs x6/);
  });

  it("says who suspects a member, and how long it has to refute", () => {
    const suspect = member("b", "suspect", { suspectedBy: ["id-a"], judgedInMs: 1234 });
    const own = view("a", member("a", "alive"), suspect);
    const lines = plain(describeMembers(own, new Map()));
    expect(lines[2]).to.contain("suspected by a, judged in 1.2 s");
  });

  it("draws small rings whole, and of large ones what is near the node", () => {
    const own = view("a", member("a", "alive"), member("b", "dead"));
    const rings = { ...own, shape: "rings" };
    expect(plain(describeRings({ ...rings, rings: [["b", "a"]] }))[1]).to.equal("  1  ✗b → a → ↺");
    const large = Array.from({ length: 30 }, (_, number) => (number === 0 ? "a" : `n${number}`));
    const lines = plain(describeRings({ ...rings, rings: [large] }));
    expect(lines[1]).to.equal("  1  … → n27 → n28 → n29 → a → n1 → n2 → n3 → …");
    expect(plain(describeRings(own))).to.deep.equal([
      "Full mesh: 2 links, everybody observes everybody",
    ]);
  });

  it("counts messages of every kind, the most frequent first, and bytes a second", () => {
    const lines = plain(describeTraffic(view("a")));
    expect(lines[0]).to.equal(
      "Traffic in 2 s: sent 1.0 kB (500 B/s), received 20.0 kB (10.0 kB/s)",
    );
    expect(lines[2]).to.match(/^ {2}news\s+10\s+30\s+▪{20}$/);
    expect(lines[3]).to.match(/^ {2}ping\s+3\s+4\s+▪{4}$/);
  });

  it("prints who believes what, who does not answer, and whether all believe alike", () => {
    const own = view("a", member("a", "alive"), member("b", "dead"), member("c", "alive"));
    const other = view("c", member("a", "alive"), member("b", "alive"), member("c", "alive"));
    const views = new Map<string, unknown>([
      ["a", own],
      ["b", undefined],
      ["c", other],
    ]);
    const lines = plain(describeMatrix(own, views));
    expect(lines[0]).to.equal("Who believes what: 2 views, of 2 kinds");
    expect(lines.slice(1, 5)).to.deep.equal([
      "       1 2 3",
      "  1 a  ● ✗ ●",
      "  2 b  does not answer",
      "  3 c  ● ● ●",
    ]);
    const [alike] = plain(describeMatrix(own, new Map([["a", own]])));
    expect(alike).to.equal("Who believes what: 1 view, all alike");
  });
});
