import { expect } from "chai";
import type { SeedReport } from "../report.ts";
import { describeCounts, OPERATIONS_MIN, sumOf, VIRTUAL_MS_MIN, zeros } from "../report.ts";
import { runTwice, seedsOf } from "../seeds.ts";
import { runRaftSeed } from "./run-raft-seed.ts";

const SEEDS = seedsOf({ count: 3, variable: "SKEIN_RAFT_SEEDS" });

/** So many seeds draw every kind of fault. */
const SEEDS_FOR_COUNTS = 24;
const SEEDS_RUN_TWICE = 1;

describe("Raft alone, simulated", () => {
  const reports: SeedReport[] = [];

  after("what happened", () => {
    console.log(`      ${describeCounts(sumOf(reports))}`);
    // A whole run in which nothing of a kind happened has tested nothing of it.
    if (reports.length < SEEDS_FOR_COUNTS) return;
    expect(zeros(sumOf(reports)), "never happened").to.deep.equal([]);
  });

  for (const seed of SEEDS) {
    it(`keeps its promises: npm run sim -- --kind raft --seed ${seed}`, () => {
      const report = runRaftSeed({ seed });
      expect(report.virtualMs).to.be.at.least(VIRTUAL_MS_MIN);
      expect(report.operations).to.be.at.least(OPERATIONS_MIN);
      reports.push(report);
    });
  }

  it("runs twice alike", function () {
    this.timeout(900_000);
    for (const first of runTwice(reports, SEEDS_RUN_TWICE)) {
      const second = runRaftSeed(first);
      expect(second.trace).to.deep.equal(first.trace);
      expect(second.events).to.equal(first.events);
    }
  });
});
