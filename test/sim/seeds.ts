/** Which seeds a suite of the simulator runs, and how often: by the environment. */

interface Wanted {
  /** Without SKEIN_SEED and the suite's own variable. */
  readonly count: number;
  /** The suite's own variable: how many. */
  readonly variable: string;
}

/** SKEIN_SEED is one alone; SKEIN_PART ("1/2") every second, since several processes share them. */
export function seedsOf({ count, variable }: Wanted): readonly number[] {
  const alone = process.env["SKEIN_SEED"];
  if (alone !== undefined) return [Number(alone)];
  const [part = 1, parts = 1] = (process.env["SKEIN_PART"] ?? "1/1").split("/").map(Number);
  const all = Array.from({ length: Number(process.env[variable] ?? count) }, (_, at) => at + 1);
  return all.filter((seed) => seed % parts === part % parts);
}

/** A run is a function of its seed: `few` that are twice alike show it, `all` in the full tier. */
export function runTwice<T>(reports: readonly T[], few: number): readonly T[] {
  return process.env["SKEIN_SIM_TWICE"] === "all" ? reports : reports.slice(0, few);
}
