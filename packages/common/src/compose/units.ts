/** Amounts as Compose files write them: durations as Go's, sizes as Docker's. Integers come out. */

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** `1m30s`, `500ms`, `1.5h` -> nanoseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount = "", unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(amount) * (NANOSECONDS[unit] ?? 0);
  }
  const whole = Math.round(sum);
  return Number.isSafeInteger(whole) ? whole : undefined;
}

const POWERS: Readonly<Record<string, number>> = { "": 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** `512`, `50M`, `1.5gb`, `64MiB` -> bytes (powers of 1024, as Docker reads them all). */
export function parseSize(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)\s*([bkmgtp]?)i?b?$/i.exec(text.trim());
  if (found === null) return undefined;
  const power = POWERS[(found[2] ?? "").toLowerCase()];
  if (power === undefined) return undefined;
  const bytes = Math.floor(Number(found[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `0.5` CPUs -> 500,000,000 billionths, as the Engine API counts them. */
export function parseCpus(text: string): number | undefined {
  if (!/^\d+(\.\d+)?$/.test(text)) return undefined;
  const nano = Math.round(Number(text) * 1e9);
  return Number.isSafeInteger(nano) ? nano : undefined;
}
