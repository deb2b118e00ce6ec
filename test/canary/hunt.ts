/**
 * Runs one hunt in this copy of the sources and prints what came of it as the last line. Started by
 * lane.ts with a `Hunt` as JSON.
 */
import { runChaos } from "@skein/manager/raft/testing/chaos";
import Mocha from "mocha";
import { runRaftSeed } from "../sim/raft/run-raft-seed.ts";
import { runSeed } from "../sim/world/run-seed.ts";
import type { Catch, Hunt } from "./planted-bug.ts";
import { verdictOn } from "./planted-bug.ts";

const TEST_TIMEOUT_MS = 60_000;

// The text is ours: lane.ts made it.
const hunt = JSON.parse(process.argv[2] ?? "") as Hunt;
const outcome = await go(hunt);
console.log(`\n${JSON.stringify(outcome)}`);
process.exit(0);

async function go(how: Hunt): Promise<Catch> {
  switch (how.kind) {
    case "simulator":
      return trySeeds(how.seeds, "simulator", (seed) => runSeed({ seed }));
    case "raft simulator":
      return trySeeds(how.seeds, how.kind, (seed) => runRaftSeed({ seed }));
    case "storm":
      return trySeeds(how.seeds, "storm", (seed) => runChaos(seed));
    default:
      return runTests(how.files);
  }
}

function trySeeds(count: number, what: string, run: (seed: number) => unknown): Catch {
  for (let seed = 1; seed <= count; seed += 1) {
    try {
      run(seed);
    } catch (error) {
      return verdictOn(error, `${what}, seed ${seed}`);
    }
  }
  return { kind: "survived" };
}

async function runTests(files: readonly string[]): Promise<Catch> {
  const mocha = new Mocha({ bail: true, timeout: TEST_TIMEOUT_MS, reporter: "min" });
  for (const file of files) mocha.addFile(file);
  await mocha.loadFilesAsync();
  return new Promise((resolve) => {
    let found: Catch = { kind: "survived" };
    mocha
      .run(() => resolve(found))
      .on("fail", (test, error) => {
        found = verdictOn(error, test.fullTitle());
      });
  });
}
