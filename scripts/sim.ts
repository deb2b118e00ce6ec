/**
 * `npm run sim -- [--kind raft|cluster] …`: the simulators. `--seed N` runs one seed and prints its
 * trace. `--start S --seeds N [--jobs J]` runs many, prints those that fail with the command that
 * repeats them, and what happened in all; adds a line to docs/sim-runs.jsonl, also when it is
 * interrupted.
 */
import { SeedError } from "../test/sim/report.ts";
import { again, Batch, describeReports } from "./sim/batch.ts";
import type { Kind } from "./sim/kinds.ts";
import { isKind, runSeedOf } from "./sim/kinds.ts";

const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
};
const kind = kindOf(option("--kind") ?? "cluster");
if (option("--seeds") === undefined) one(Number(option("--seed") ?? randomSeed()));
else {
  const start = Number(option("--start") ?? randomSeed());
  new Batch({ kind, start, seeds: Number(option("--seeds")) }).run(Number(option("--jobs") ?? 1));
}

function one(seed: number): void {
  const since = Date.now();
  try {
    const report = runSeedOf(kind, seed);
    for (const line of report.trace) console.log(line);
    console.log(`seed ${seed}: ok, ${describeReports([report])}, ${Date.now() - since} ms`);
  } catch (error) {
    if (error instanceof SeedError) for (const line of error.trace) console.log(line);
    const cause = error instanceof SeedError ? error.cause : error;
    console.log(`seed ${seed}: ${cause instanceof Error ? cause.stack : String(cause)}`);
    console.log(`again: ${again(kind, seed)}`);
    process.exitCode = 1;
  }
}

function kindOf(name: string): Kind {
  if (isKind(name)) return name;
  throw new Error(`--kind ${name}: there are raft and cluster`);
}

function randomSeed(): number {
  return Math.floor(Math.random() * 1_000_000);
}
