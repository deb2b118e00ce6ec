/** One JSON object a line, so that runs can be compared by a program. */

export interface Figure {
  readonly bench: string;
  readonly case: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  readonly ours: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly samples?: number;
  /** Measured in the same run, or null where the peer is not installed. */
  readonly peer: { readonly name: string; readonly value: number; readonly p99?: number } | null;
  /** What was aimed at. */
  readonly target?: { readonly p50: number; readonly p99: number };
}

export function report(figure: Figure): void {
  const { peer } = figure;
  const ratio = peer === null ? null : Number((figure.ours / peer.value).toFixed(3));
  console.log(JSON.stringify({ ...figure, ratio }));
}

/**
 * Reports times: `ours` is the median. p99 of few samples is their maximum, and said so by
 * `samples`.
 */
export function reportTimes(
  bench: string,
  name: string,
  times: readonly number[],
  peer?: { readonly name: string; readonly times: readonly number[] },
): void {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => shareOf(sorted, share);
  const others = peer?.times.toSorted((a, b) => a - b) ?? [];
  report({
    bench,
    case: name,
    unit: "ms",
    better: "lower",
    ours: at(0.5),
    p50: at(0.5),
    p99: at(0.99),
    samples: sorted.length,
    peer:
      peer === undefined
        ? null
        : { name: peer.name, value: shareOf(others, 0.5), p99: shareOf(others, 0.99) },
  });
}

function shareOf(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
