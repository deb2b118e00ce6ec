/** A seeded stream of numbers for tests (mulberry32): small, and good enough to shuffle events. */
import type { Random } from "@skein/common/io/random";

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (bound) => Math.floor(next() * bound),
    id: () => Array.from({ length: 25 }, () => Math.floor(next() * 36).toString(36)).join(""),
  };
}
