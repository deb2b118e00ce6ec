/**
 * What must hold of gossip under faults, at several sizes: everybody knows the same in the end, and
 * it is the truth; nobody who lives is taken for dead; what was pushed arrives. SKEIN_SIM_SEEDS
 * above 5 (the full tier) adds 100 members. A thousand cost minutes:
 * `SKEIN_GOSSIP_MEMBERS=1000 npm test -- simulator`.
 */
import { expect } from "chai";
import { SimRandom } from "../sim-random.ts";
import { GossipWorld } from "./gossip-world.ts";
import type { SimMember } from "./sim-member.ts";

const FULL = Number(process.env["SKEIN_SIM_SEEDS"] ?? "1") > 5;
const LARGE = Number(process.env["SKEIN_GOSSIP_MEMBERS"] ?? "0");
const USUAL = FULL ? [3, 25, 100] : [3, 25];
const SIZES = LARGE > 0 ? [LARGE] : USUAL;
const SEED = Number(process.env["SKEIN_SIM_SEED"] ?? "1");

function settled(seed: number, size: number): GossipWorld {
  const world = new GossipWorld(seed, size);
  world.admit();
  world.settle(4000);
  expect(world.difference()).to.equal(undefined);
  return world;
}

/** Several members stand still at odd times, as on a machine without processor time. */
function starve(world: GossipWorld, members: readonly SimMember[]): void {
  const random = new SimRandom(SEED + 7);
  for (const member of members) {
    const turn = (): void => {
      member.stop();
      world.clock.after(random.between(200, 2000), () => {
        member.continue();
        world.clock.after(random.between(20, 400), turn);
      });
    };
    turn();
  }
}

for (const size of SIZES) {
  describe(`gossip with ${size} members (seed ${SEED}: SKEIN_SIM_SEED=${SEED})`, function () {
    this.timeout(LARGE > 0 ? 3_600_000 : 120_000);
    it("brings an update to all, also with loss", () => {
      const world = settled(SEED, size);
      world.fabric.lossOneIn = 50;
      const owner = world.member(1);
      for (let round = 0; round < 5; round += 1) {
        owner.submit({ kind: "write", key: "k", value: `v${round}` });
        expect(world.untilAllSee(owner, "k", `v${round}`, 3000)).to.be.a("number");
      }
      world.check();
    });

    it("sees a kill within a second, and the next process as the same member", () => {
      const world = settled(SEED, size);
      const victim = world.member(size - 1);
      victim.kill();
      expect(world.untilAllBelieveDead(victim, 1000)).to.be.a("number");
      victim.start();
      world.tellRoster(victim);
      expect(world.untilEqual(5000)).to.be.a("number");
      expect(world.falseDeaths).to.deep.equal([]);
    });

    it("sees a machine fall silent, and not before three seconds", () => {
      const world = settled(SEED, size);
      const victim = world.member(0);
      victim.stop();
      const took = world.untilAllBelieveDead(victim, 8000);
      expect(took).to.be.within(3000, 8000);
      victim.continue();
      expect(world.untilEqual(5000)).to.be.a("number");
      expect(world.falseDeaths).to.deep.equal([]);
    });

    it("takes no live member for dead when 4 % are starved", () => {
      const world = settled(SEED, size);
      const few = Math.max(1, Math.round(size * 0.04));
      starve(world, world.members.slice(0, few));
      world.settle(30_000);
      expect(world.falseDeaths).to.deep.equal([]);
    });

    it("takes no member for dead that is slow, and brings it what is new", () => {
      const world = settled(SEED, size);
      const few = Math.max(1, Math.round(size * 0.04));
      for (const member of world.members.slice(0, few)) member.slowMs = 400;
      const owner = world.member(size - 1);
      owner.submit({ kind: "write", key: "k", value: "v" });
      expect(world.untilAllSee(owner, "k", "v", 3000)).to.be.a("number");
      world.settle(20_000);
      expect(world.falseDeaths).to.deep.equal([]);
    });

    it("takes nobody for dead who is cut off from one observer, one way or both", () => {
      const world = settled(SEED, size);
      world.fabric.cut(world.member(0), world.member(1));
      if (size > 3) world.fabric.cut(world.member(2), world.member(0));
      world.settle(20_000);
      expect(world.falseDeaths).to.deep.equal([]);
      world.fabric.heal();
      expect(world.untilEqual(5000)).to.be.a("number");
    });

    it("is whole again within 5 s of a partition of 30 s, with what was written meanwhile", () => {
      const world = settled(SEED, size);
      const [left, right] = [world.members.slice(0, size >> 1), world.members.slice(size >> 1)];
      for (const a of left) {
        for (const b of right) {
          world.fabric.cut(a, b);
          world.fabric.cut(b, a);
        }
      }
      for (const member of [left[0], right[0]]) {
        member?.submit({ kind: "write", key: "during", value: "written" });
      }
      world.settle(30_000);
      world.fabric.heal();
      expect(world.untilEqual(5000)).to.be.a("number");
      world.check();
    });

    it("converges after churn: kills, returns, writes, admissions, removals", () => {
      const world = settled(SEED, size);
      churn(world, size);
      expect(world.untilEqual(8000), world.difference() ?? "equal").to.be.a("number");
      expect(world.falseDeaths).to.deep.equal([]);
      world.check();
    });
  });
}

function churn(world: GossipWorld, size: number): void {
  const random = new SimRandom(SEED + 3);
  world.fabric.lossOneIn = 100;
  for (let round = 0; round < 20; round += 1) {
    const member = world.member(1 + random.below(size - 1));
    const dice = random.below(4);
    if (dice === 0 && member.isUp()) {
      member.kill();
      world.settle(random.between(0, 3000));
      member.start();
      world.tellRoster(member);
    } else if (dice === 1) {
      world.add();
      world.admit();
    } else if (dice === 2 && world.members.length > size + 2) {
      const removed = world.member(world.members.length - 1);
      world.remove(removed);
      world.admit(world.live());
      removed.kill();
    } else {
      const value = random.below(4) === 0 ? {} : { value: `r${round}` };
      member.submit({ kind: "write", key: `k${random.below(3)}`, ...value });
    }
    world.settle(random.between(10, 500));
  }
}

describe("gossip, the same seed twice", function () {
  this.timeout(60_000);
  it("does the same", () => {
    const run = (): string => {
      const world = settled(SEED, 9);
      churn(world, 9);
      world.settle(3000);
      return `${world.clock.ran()} ${world.fabric.messages} ${world.difference() ?? "equal"}`;
    };
    expect(run()).to.equal(run());
  });
});
