/**
 * Twelve faults that cost users of another swarm's discovery their names and addresses (moby's
 * libnetwork/networkdb, fixed there in 2024 to 2026), each as a test of ours.
 */

import { Namespaces } from "@skein/common/gossip/namespaces";
import { helpersFor } from "@skein/common/gossip/probing";
import { nodeId } from "@skein/common/ids";
import { GOSSIP_DELTA_CHARACTERS_MAX, GOSSIP_TOMBSTONE_MS } from "@skein/common/limits";
import { instant } from "@skein/common/time";
import type { Delta } from "@skein/common/wire/gossip-messages";
import { splitDeltas } from "@skein/common/wire/gossip-messages";
import { expect } from "chai";
import { GossipWorld } from "./gossip-world.ts";
import type { SimMember } from "./sim-member.ts";

const OWNER = nodeId("n1");
const NOW = instant(0);

function settled(size = 5): GossipWorld {
  const world = new GossipWorld(11, size);
  world.admit();
  world.settle(3000);
  return world;
}

function write(member: SimMember, key: string, value?: string): void {
  member.submit({ kind: "write", key, ...(value === undefined ? {} : { value }) });
}

function deltaOf(to: number, key: string, value?: string): Delta {
  const record = value === undefined ? { key, seq: to } : { key, value, seq: to };
  return { owner: OWNER, epoch: 1, base: to - 1, to, records: [record] };
}

describe("known bugs of discovery by gossip", function () {
  this.timeout(30_000);

  it("1: a failed owner's data is hidden, not deleted, and is back when it is", () => {
    const world = settled();
    const [reader, owner] = [world.member(0), world.member(1)];
    write(owner, "web.1", "10.0.0.1");
    world.settle(500);
    for (const other of world.members) {
      if (other === owner) continue;
      world.fabric.cut(owner, other);
      world.fabric.cut(other, owner);
    }
    world.settle(20_000);
    expect(reader.gossip.values(owner.id)).to.deep.equal([]);
    world.fabric.heal();
    world.settle(3000);
    expect(reader.gossip.values(owner.id)).to.deep.equal([["web.1", "10.0.0.1"]]);
  });

  it("2: nobody but the owner gives a number: a failure and a return lose nothing", () => {
    const world = settled();
    const [reader, owner] = [world.member(0), world.member(1)];
    write(owner, "web.1", "a");
    world.settle(500);
    const before = reader.gossip.inspect().spaces.version(owner.id);
    owner.stop();
    world.settle(10_000);
    expect(reader.gossip.inspect().spaces.version(owner.id)).to.deep.equal(before);
    owner.continue();
    write(owner, "web.2", "b");
    world.settle(3000);
    const keys = reader.gossip.values(owner.id).map(([key]) => key);
    expect(keys).to.deep.equal(["web.1", "web.2"]);
  });

  it("3: the deletion of an unknown key is remembered: a late write does not bring it back", () => {
    const spaces = new Namespaces();
    spaces.take(NOW, { ...deltaOf(2, "web.1"), base: 0 });
    expect(spaces.isDeleted(OWNER, "web.1")).to.equal(true);
    expect(spaces.take(NOW, { ...deltaOf(1, "web.1", "late"), base: 0 })).to.equal("old");
    expect(spaces.value(OWNER, "web.1")).to.equal(undefined);
    spaces.dropTombstones(instant(GOSSIP_TOMBSTONE_MS));
    const whole = spaces.since([OWNER, 1, 1]);
    expect(whole.map(({ base }) => base)).to.deep.equal([0]);
  });

  it("4: what a removed member still says is neither kept nor passed on", () => {
    const world = settled();
    const gone = world.member(4);
    write(gone, "web.1", "orphan");
    world.settle(200);
    world.remove(gone);
    world.admit(world.members.slice(0, 4));
    write(gone, "web.1", "later");
    world.settle(5000);
    for (const member of world.members.slice(0, 4)) {
      expect(member.gossip.inspect().spaces.owners()).not.to.include(gone.id);
    }
    expect(world.difference()).to.equal(undefined);
  });

  it("5: readers are told of differences, not of messages", () => {
    const world = settled();
    const owner = world.member(1);
    let told = 0;
    world.onChange = (by, { owners }) => {
      if (by === world.member(0) && owners.includes(owner.id)) told += 1;
    };
    write(owner, "web.1", "a");
    world.settle(500);
    write(owner, "web.1", "a");
    world.settle(35_000);
    expect(told).to.equal(1);
  });

  it("6: more than a message holds goes in several, and nothing is left out", () => {
    const records = Array.from({ length: 40 }, (_, at) => ({
      key: `k${at}`,
      value: "x".repeat(GOSSIP_DELTA_CHARACTERS_MAX / 10),
      seq: at + 1,
    }));
    const source = new Namespaces();
    const whole = { owner: OWNER, epoch: 1, base: 0, to: 40, records };
    source.take(NOW, whole);
    const messages = splitDeltas(source.since([OWNER, 0, 0]));
    expect(messages.length).to.be.greaterThan(4);
    const copy = new Namespaces();
    for (const delta of messages.flat()) expect(copy.take(NOW, delta)).to.equal("news");
    expect(copy.root()).to.deep.equal(source.root());
    expect(copy.values(OWNER)).to.deep.equal(source.values(OWNER));
  });

  it("7: a member's own write does not wait behind what it passes on", () => {
    const world = settled();
    const relay = world.member(2);
    for (let round = 0; round < 500; round += 1) write(world.member(round % 2), `k${round}`, "v");
    write(relay, "own", "now");
    expect(world.untilAllSee(relay, "own", "now", 100)).to.be.a("number");
  });

  it("8: what was written while every link was down is not forgotten", () => {
    const world = settled();
    const owner = world.member(1);
    for (const other of world.members) world.fabric.cut(owner, other);
    world.settle(12_000);
    write(owner, "web.1", "written alone");
    world.settle(500);
    world.fabric.heal();
    expect(world.untilAllSee(owner, "web.1", "written alone", 3000)).to.be.a("number");
  });

  it("9: two members that repair each other at the same time both end", () => {
    const world = settled(2);
    const [a, b] = [world.member(0), world.member(1)];
    world.fabric.cut(a, b);
    world.fabric.cut(b, a);
    world.settle(12_000);
    for (let round = 0; round < 50; round += 1) {
      write(a, `a${round}`, "a");
      write(b, `b${round}`, "b");
    }
    world.settle(100);
    world.fabric.heal();
    expect(world.untilEqual(4000)).to.be.a("number");
    const before = world.fabric.messages;
    world.settle(5000);
    expect(world.fabric.messages - before).to.be.lessThan(60);
  });

  it("10: a new member that compares with several at once gets everything, at once", () => {
    const world = settled(9);
    for (const member of world.members) write(member, "fact", `of ${member.id}`);
    world.settle(500);
    const fresh = world.add();
    world.admit();
    world.settle(1500);
    for (const member of world.members.slice(0, 9)) {
      const values = fresh.gossip.values(member.id);
      expect(values).to.deep.equal([["fact", `of ${member.id}`]]);
    }
  });

  it("11: as many helpers are asked as there are, three at most", () => {
    for (const [size, helpers] of [
      [2, 0],
      [3, 1],
      [4, 2],
      [5, 3],
      [9, 3],
    ] as const) {
      const world = settled(size);
      const state = world.member(0).gossip.inspect();
      for (let round = 0; round < 20; round += 1) {
        const chosen = helpersFor(state, world.member(1).id);
        expect(new Set(chosen).size, `of ${size}`).to.equal(helpers);
      }
    }
  });

  it("12: redeployments while nodes come and go leave exactly what runs", () => {
    const world = settled(6);
    for (let round = 0; round < 30; round += 1) {
      const owner = world.member(round % 6);
      const other = world.member((round + 3) % 6);
      if (owner.isUp()) {
        write(owner, `web.${round - 6}`);
        write(owner, `web.${round}`, `10.0.0.${round}`);
      }
      if (round % 7 === 3) other.kill();
      world.settle(round % 3 === 0 ? 40 : 700);
      if (!other.isUp()) {
        other.start();
        world.tellRoster(other);
        write(other, "web.back", `since ${round}`);
      }
    }
    expect(world.untilEqual(5000), world.difference() ?? "equal").to.be.a("number");
  });
});
