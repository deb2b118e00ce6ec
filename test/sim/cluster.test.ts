import { expect } from "chai";
import { runSeed } from "./world/run-seed.ts";

const FIRST = Number(process.env["SKEIN_SEED"] ?? 1);
const COUNT =
  process.env["SKEIN_SEED"] === undefined ? Number(process.env["SKEIN_SIM_SEEDS"] ?? 12) : 1;

describe("whole cluster, simulated", () => {
  for (let seed = FIRST; seed < FIRST + COUNT; seed += 1) {
    it(`keeps its promises, and twice alike: npm run sim -- --seed ${seed}`, () => {
      const first = runSeed({ seed });
      const second = runSeed({ seed });
      expect(second.trace).to.deep.equal(first.trace);
      expect(second.events).to.equal(first.events);
    });
  }
});
