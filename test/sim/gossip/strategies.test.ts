/**
 * The two ways of gossip that the benchmark compares, under the same faults: memberlist's rules
 * must be as good as their authors say, or the comparison is worth nothing.
 */
import { expect } from "chai";
import type { Strategy } from "./strategy.ts";
import { starve, untilAll } from "./strategy.ts";
import { memberlistStrategy } from "./strategy-memberlist.ts";
import { ourStrategy } from "./strategy-ours.ts";

const SEED = 5;
const SIZE = 20;

/** What each promises at this size: milliseconds at most, and at least. */
const STRATEGIES: readonly {
  readonly make: () => Strategy;
  readonly updateMs: number;
  readonly kill: readonly [number, number];
  readonly healMs: number;
}[] = [
  { make: () => ourStrategy(SEED, SIZE), updateMs: 100, kill: [0, 900], healMs: 2500 },
  // Six rounds of 200 ms; a probe, then 5.2 s of suspicion; Serf reconnects every 30 s.
  {
    make: () => memberlistStrategy(SEED, SIZE),
    updateMs: 2000,
    kill: [4000, 20_000],
    healMs: 60_000,
  },
];

for (const { make, updateMs, kill, healMs } of STRATEGIES) {
  const { name } = make();
  describe(`gossip by ${name}`, function () {
    this.timeout(60_000);

    it("brings a write to all, sees a kill, and takes the next process for the same", () => {
      const strategy = make();
      expect(untilAll(strategy, strategy.write(3), 10_000)).to.be.most(updateMs);
      strategy.kill(4);
      const tookMs = untilAll(strategy, (by) => strategy.takesForDead(by, 4), 60_000);
      expect(tookMs).to.be.within(...kill);
      strategy.start(4);
      const returned = untilAll(strategy, (by) => !strategy.takesForDead(by, 4), 60_000);
      expect(returned).to.be.a("number");
    });

    it("is one again after a cut of 30 s, and takes no starved member for dead", () => {
      const strategy = make();
      strategy.cutOff(new Set([0, 1, 2]));
      strategy.clock.runFor(29_000, 1e9);
      const sees = strategy.write(0);
      strategy.clock.runFor(1000, 1e9);
      strategy.heal();
      const holds = (by: number): boolean => sees(by) && !strategy.takesForDead(by, 0);
      expect(untilAll(strategy, holds, 120_000)).to.be.most(healMs);
      strategy.clock.runFor(20_000, 1e9);
      const before = strategy.falseDeaths();
      starve(strategy, [5], SEED);
      strategy.clock.runFor(10_000, 1e9);
      expect(strategy.falseDeaths() - before).to.equal(0);
    });
  });
}
