/**
 * What only a large world shows: the broadcast tree (Plumtree), the loss of many members at once,
 * and the doubts of one that hears nobody.
 */
import { GOSSIP_TREE_ABOVE } from "@skein/common/limits";
import { expect } from "chai";
import { GossipWorld } from "./gossip-world.ts";

const SEED = 3;
/** More in the full tier: a second is a second. */
const FULL = Number(process.env["SKEIN_SIM_SEEDS"] ?? "1") > 5;

function settled(size: number): GossipWorld {
  const world = new GossipWorld(SEED, size);
  world.admit();
  world.settle(3000);
  return world;
}

/** Copies of one member's writes that were sent, for each member and write. */
function copies(world: GossipWorld, writes: number): number {
  const before = world.fabric.deltas;
  const owner = world.member(1);
  for (let round = 0; round < writes; round += 1) {
    owner.submit({ kind: "write", key: "k", value: `${world.fabric.deltas} ${round}` });
    world.settle(200);
  }
  return (world.fabric.deltas - before) / writes / world.members.length;
}

describe("gossip above a hundred members", function () {
  this.timeout(60_000);

  it("sends a write along a tree: about one copy for each, not one on every link", () => {
    const world = settled(GOSSIP_TREE_ABOVE + 10);
    copies(world, 10); // What came twice has pruned the links.
    expect(copies(world, 10)).to.be.most(1.5);
    const lazy = world.members.map(({ gossip }) => gossip.inspect().tree.lazyCount());
    expect(lazy.filter((count) => count > 0).length).to.be.above(world.members.length / 2);
  });

  if (FULL) {
    it("mends the tree when members of it die, and reaches all meanwhile", () => {
      const world = settled(GOSSIP_TREE_ABOVE + 10);
      copies(world, 10);
      for (const victim of world.members.slice(10, 25)) victim.kill();
      const owner = world.member(1);
      owner.submit({ kind: "write", key: "k", value: "during" });
      expect(world.untilAllSee(owner, "k", "during", 3000)).to.be.a("number");
      world.settle(3000);
      copies(world, 10);
      expect(copies(world, 10)).to.be.most(2);
    });
  }
});

describe("gossip when much is lost at once", function () {
  this.timeout(60_000);

  it("takes a rack for dead in one change, within two seconds and a half", () => {
    const world = settled(25);
    const changes: number[] = [];
    world.onChange = (by, { members }) => {
      if (members && by === world.member(20)) changes.push(world.clock.exactNow());
    };
    for (const victim of world.members.slice(0, 10)) victim.kill();
    for (const victim of world.members.slice(0, 10)) {
      expect(world.untilAllBelieveDead(victim, 2500)).to.be.a("number");
    }
    expect(changes.length, "changes that its readers heard of").to.be.below(10);
  });

  it("who hears nobody doubts itself, and judges most of the world never", () => {
    const world = settled(25);
    world.fabric.cutOff(new Set([world.member(7)]));
    world.settle(30_000);
    const { verdicts, members } = world.member(7).gossip.inspect();
    expect(verdicts.isIsolated()).to.equal(true);
    expect(members.liveCount()).to.be.above(12);
    expect(world.believes(world.member(3), world.member(7))).to.equal("dead");
    world.fabric.heal();
    expect(world.untilEqual(5000)).to.be.a("number");
    expect(world.member(7).gossip.inspect().verdicts.isIsolated()).to.equal(false);
  });
});
