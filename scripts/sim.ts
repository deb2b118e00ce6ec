/**
 * `npm run sim -- [--seed N] [--count N] [--fault-ms N]`: the whole-cluster simulator. One seed
 * prints its trace; several print a line each and stop at the first that fails, with the command
 * that repeats it.
 */
import { runSeed } from "../test/sim/world/run-seed.ts";

const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const first = option("--seed", Math.floor(Math.random() * 1_000_000));
const count = option("--count", 1);
const faultMs = option("--fault-ms", 20_000);

for (let seed = first; seed < first + count; seed += 1) {
  const since = Date.now();
  try {
    const { trace, events, writes } = runSeed({ seed, faultMs });
    if (count === 1) for (const line of trace) console.log(line);
    console.log(
      `seed ${seed}: ok, ${events} events, ${writes.acknowledged} of ${writes.tried} writes ` +
        `acknowledged, ${Date.now() - since} ms`,
    );
  } catch (error) {
    console.log(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
    console.log(`repeat: npm run sim -- --seed ${seed} --fault-ms ${faultMs}`);
    process.exitCode = 1;
    break;
  }
}
