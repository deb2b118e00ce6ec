import { expect } from "chai";
import type { NodeId } from "../ids.ts";
import { nodeId } from "../ids.ts";
import { GOSSIP_MESH_MAX, GOSSIP_RINGS } from "../limits.ts";
import { Rings } from "./rings.ts";

const ids = (count: number): readonly NodeId[] =>
  Array.from({ length: count }, (_, number) => nodeId(`n${number}`));
const all = (): boolean => true;

function ringsOf(members: readonly NodeId[]): Rings {
  const rings = new Rings();
  for (const id of members) rings.put(id);
  return rings;
}

describe("rings", () => {
  it("are a full mesh while the cluster is small", () => {
    const members = ids(GOSSIP_MESH_MAX);
    const rings = ringsOf(members);
    expect(rings.neighbours(nodeId("n0"), all)).to.have.members(members.slice(1));
  });

  it("are the same whatever the order of arrival (R1)", () => {
    const members = ids(60);
    expect(ringsOf(members).list()).to.deep.equal(ringsOf(members.toReversed()).list());
  });

  it("give each four observers at most, the inverse of whom it observes (R2)", () => {
    const members = ids(60);
    const rings = ringsOf(members);
    for (const id of members) {
      const observers = rings.observers(id, all);
      expect(observers.length).to.be.within(2, GOSSIP_RINGS);
      for (const observer of observers) expect(rings.observed(observer, all)).to.include(id);
    }
  });

  it("close over the dead, and stay in one piece with a fifth of them dead", () => {
    const members = ids(200);
    const rings = ringsOf(members);
    const isLive = (id: NodeId): boolean => Number(id.slice(1)) % 5 !== 0;
    const reached = new Set<NodeId>([nodeId("n1")]);
    for (const id of reached) for (const next of rings.neighbours(id, isLive)) reached.add(next);
    expect(reached.size).to.equal(160);
  });
});
