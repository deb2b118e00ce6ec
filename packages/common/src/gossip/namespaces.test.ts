import { expect } from "chai";
import type { NodeId } from "../ids.ts";
import { nodeId } from "../ids.ts";
import { GOSSIP_KEYS_MAX, GOSSIP_SPACE_CHARACTERS_MAX } from "../limits.ts";
import { instant } from "../time.ts";
import { Namespaces } from "./namespaces.ts";
import { ROUTES_OWNER } from "./protocol.ts";

const NOW = instant(0);
const OWNER = nodeId("n1");

function delta(owner: NodeId, values: readonly string[], base = 0) {
  const records = values.map((value, at) => ({ key: `k${base + at}`, value, seq: base + at + 1 }));
  return { owner, epoch: 1, base, to: base + values.length, records };
}

describe("a namespace", () => {
  it("does not grow beyond its characters, whoever sends (N6)", () => {
    const spaces = new Namespaces();
    const half = "x".repeat(GOSSIP_SPACE_CHARACTERS_MAX / 2);
    expect(spaces.take(NOW, delta(OWNER, [half]))).to.equal("news");
    expect(spaces.take(NOW, delta(OWNER, [half], 1))).to.equal("full");
    expect(spaces.version(OWNER)).to.deep.equal([OWNER, 1, 1]);
    expect(spaces.take(NOW, delta(OWNER, ["small"], 1))).to.equal("news");
    expect(spaces.characters(OWNER)).to.equal(half.length + 2 + 5 + 2);
  });

  it("does not grow beyond its keys, deleted ones included (N6)", () => {
    const spaces = new Namespaces();
    const many = Array.from({ length: GOSSIP_KEYS_MAX }, () => "");
    expect(spaces.take(NOW, delta(OWNER, many))).to.equal("news");
    expect(spaces.take(NOW, delta(OWNER, ["one too many"], many.length))).to.equal("full");
  });

  it("of the store's may be longer: it has the routes of everybody", () => {
    const spaces = new Namespaces();
    const long = "x".repeat(GOSSIP_SPACE_CHARACTERS_MAX + 1);
    expect(spaces.take(NOW, delta(ROUTES_OWNER, [long]))).to.equal("news");
  });

  it("counts a value that replaces another once", () => {
    const spaces = new Namespaces();
    spaces.write(NOW, OWNER, { epoch: 1, put: [["k", "long value"]] });
    spaces.write(NOW, OWNER, { epoch: 1, put: [["k", "v"]] });
    expect(spaces.characters(OWNER)).to.equal(2);
    spaces.write(NOW, OWNER, { epoch: 1, put: [["k", undefined]] });
    expect(spaces.characters(OWNER)).to.equal(1);
    expect(spaces.isDeleted(OWNER, "k")).to.equal(true);
  });
});
