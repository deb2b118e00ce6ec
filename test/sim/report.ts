/**
 * What came of a seed, and of many. A run in which nothing of a kind happened has tested nothing of
 * it, so the counts hold a zero for everything that should happen and did not.
 */

export type Counts = Readonly<Record<string, number>>;

export interface SeedReport {
  readonly seed: number;
  /** Equal seeds give equal traces. */
  readonly trace: readonly string[];
  readonly events: number;
  readonly virtualMs: number;
  /** Of clients: reads that were answered, and writes. */
  readonly operations: number;
  readonly counts: Counts;
}

/** What a seed did until something did not hold; the cause says what. */
export class SeedError extends Error {
  override readonly name = "SeedError";
  readonly trace: readonly string[];

  constructor(cause: unknown, trace: readonly string[]) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.trace = trace;
  }
}

/** A seed is at least so long, and its clients do at least so much. */
export const VIRTUAL_MS_MIN = 60_000;
export const OPERATIONS_MIN = 100;

export function sumOf(reports: readonly Pick<SeedReport, "counts">[]): Counts {
  const sum: Record<string, number> = {};
  for (const { counts } of reports) {
    for (const [kind, count] of Object.entries(counts)) sum[kind] = (sum[kind] ?? 0) + count;
  }
  return sum;
}

/** What never happened. */
export function zeros(counts: Counts): readonly string[] {
  return Object.keys(counts).filter((kind) => counts[kind] === 0);
}

export function describeCounts(counts: Counts): string {
  return Object.entries(counts)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");
}
