/** One suite for the clock port and one for randomness, real and simulated. */
import type { Clock } from "@skein/common/io/clock";
import type { Random } from "@skein/common/io/random";
import { systemClock } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import { expect } from "chai";
import { SimClock } from "../sim/sim-clock.ts";
import { SimRandom } from "../sim/sim-random.ts";

interface World {
  readonly name: string;
  readonly clock: Clock;
  until(done: () => boolean): Promise<void>;
}

function realWorld(): World {
  return {
    name: "real",
    clock: systemClock(),
    until: async (done) => {
      while (!done()) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

function simulatedWorld(): World {
  const world = new SimClock();
  return {
    name: "simulated",
    clock: world.process({ instantOffsetMs: 123_456, wallOffsetMs: -3_600_000 }),
    until: (done) => {
      if (!world.runWhileNot(done, 10_000)) throw new Error("nothing more happens");
      return Promise.resolve();
    },
  };
}

for (const makeWorld of [realWorld, simulatedWorld]) {
  const { name, clock, until } = makeWorld();
  describe(`clock: ${name}`, () => {
    it("calls in order of time, not before it, and never at once", async () => {
      const calls: string[] = [];
      const start = clock.now();
      for (const delay of [12, 0, 5, 5.5]) {
        clock.after(delay, () => calls.push(`${delay} ${clock.now() - start >= delay}`));
      }
      expect(calls).to.deep.equal([]);
      await until(() => calls.length === 4);
      expect(calls).to.deep.equal(["0 true", "5 true", "5.5 true", "12 true"]);
    });

    it("takes a delay in the past for none", async () => {
      let called = false;
      clock.after(-5, () => {
        called = true;
      });
      expect(called).to.equal(false);
      await until(() => called);
    });

    it("does not call what was cancelled, even by a call at the same instant", async () => {
      const calls: string[] = [];
      const first = clock.after(3, () => calls.push("first"));
      first.cancel();
      first.cancel();
      clock.after(4, () => {
        calls.push("second");
        third.cancel();
      });
      const third = clock.after(4, () => calls.push("third"));
      clock.after(8, () => calls.push("last"));
      await until(() => calls.includes("last"));
      expect(calls).to.deep.equal(["second", "last"]);
    });

    it("gives whole milliseconds", async () => {
      let done = false;
      clock.after(1.25, () => {
        done = true;
      });
      await until(() => done);
      expect([clock.now(), clock.wall()].every(Number.isInteger)).to.equal(true);
    });
  });
}

const sources: readonly { readonly name: string; readonly random: Random }[] = [
  { name: "real", random: systemRandom() },
  { name: "simulated", random: new SimRandom(42) },
];
for (const { name, random } of sources) {
  describe(`random: ${name}`, () => {
    it("draws evenly within the bound", () => {
      for (const bound of [1, 2, 3, 7, 10]) {
        const counts = Array.from({ length: bound }, () => 0);
        const draws = 20_000;
        for (let draw = 0; draw < draws; draw += 1) {
          const value = random.below(bound);
          counts[value] = (counts[value] ?? Number.NaN) + 1;
        }
        // Seven standard deviations: once in 10^11 runs by chance.
        const tolerance = 7 * Math.sqrt(draws / bound);
        for (const count of counts) expect(count).to.be.closeTo(draws / bound, tolerance);
      }
      expect(random.below(2 ** 32)).to.be.within(0, 2 ** 32 - 1);
    });

    it("mints ids of 25 characters that differ", () => {
      const ids = Array.from({ length: 2000 }, () => random.id());
      for (const id of ids) expect(id).to.match(/^[0-9a-z]{25}$/);
      expect(new Set(ids).size).to.equal(2000);
    });
  });
}
