import { expect } from "chai";
import { runSeed } from "./world/run-seed.ts";

const FIRST = Number(process.env["SKEIN_SEED"] ?? 1);
const COUNT =
  process.env["SKEIN_SEED"] === undefined ? Number(process.env["SKEIN_SIM_SEEDS"] ?? 12) : 1;

/** So many seeds draw every kind of fault. */
const SEEDS_FOR_COUNTS = 12;

describe("whole cluster, simulated", () => {
  const sum = { elections: 0, changes: 0, wipes: 0 };
  let ran = 0;

  after("what happened", () => {
    console.log(`      ${JSON.stringify(sum)}`);
    // A whole run in which nothing of a kind happened has tested nothing of it.
    if (ran < SEEDS_FOR_COUNTS) return;
    for (const [kind, count] of Object.entries(sum)) expect(count, kind).to.be.above(0);
  });

  for (let seed = FIRST; seed < FIRST + COUNT; seed += 1) {
    it(`keeps its promises, and twice alike: npm run sim -- --seed ${seed}`, () => {
      const first = runSeed({ seed });
      const second = runSeed({ seed });
      expect(second.trace).to.deep.equal(first.trace);
      expect(second.events).to.equal(first.events);
      ran += 1;
      sum.elections += first.elections;
      sum.changes += first.changes;
      sum.wipes += first.wipes;
    });
  }
});
