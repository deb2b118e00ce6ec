import { expect } from "chai";
import fc from "fast-check";
import { NodeIndex } from "./node-index.ts";

/** Fewest first, then the round from `start`: by looking at each. */
function slowly(counts: readonly number[], start: number, taken: ReadonlySet<number>) {
  const round = counts.map((_, step) => (start + step) % counts.length);
  return round
    .filter((at) => !taken.has(at))
    .toSorted((a, b) => (counts[a] ?? 0) - (counts[b] ?? 0))[0];
}

describe("node index", () => {
  it("finds what a look at every node finds, whatever was moved before", () => {
    const moves = fc.array(fc.tuple(fc.nat(99), fc.nat(4)), { maxLength: 60 });
    const taken = fc.array(fc.nat(99));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), moves, fc.nat(99), taken, (size, ...rest) => {
        const [steps, from, refused] = rest;
        const counts = Array.from({ length: size }, () => 0);
        const index = new NodeIndex(size);
        for (const at of counts.keys()) index.add(at, 0);
        for (const [one, to] of steps) {
          const at = one % size;
          index.remove(at, counts[at] ?? 0);
          index.add(at, to);
          counts[at] = to;
        }
        const unfit = new Set(refused);
        const start = from % size;
        const found = index.first(start, (at) => !unfit.has(at));
        expect(found).to.equal(slowly(counts, start, unfit));
      }),
      { numRuns: 200 },
    );
  });

  it("knows nobody when everybody is gone", () => {
    const index = new NodeIndex(3);
    index.add(1, 7);
    index.remove(1, 7);
    expect(index.first(0, () => true)).to.equal(undefined);
  });
});
