/**
 * A small fuzzer: from a seed it makes frames that are nearly right, since those get furthest, and
 * some that are noise. Every frame can be made again from seed and number.
 */

export interface Rng {
  /** 0 … bound - 1. */
  below(bound: number): number;
}

/** mulberry32: short, quick, good enough to be wrong in many ways. */
export function rng(seed: number): Rng {
  let state = seed >>> 0;
  return {
    below: (bound) => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(1, bound);
    },
  };
}

/** Bytes that mean something to the formats here: lengths, types, line ends. */
const TELLING = [
  ...["dd7fffffff", "dcffff", "dfffffffff", "c6ffffffff", "dbffffffff", "c70072", "d400"],
  ...["00", "ff", "7f", "80", "c0", "c1", "cfffffffffffffffff", "cb7ff8000000000000"],
  ...["0d0a", "0d0a0d0a", "22", "5c", "7b", "5d", "c00c", "a95f5f70726f746f5f5f"],
].map((hex) => Buffer.from(hex, "hex"));

/** `seeds`: frames that are right. */
export function frame(random: Rng, seeds: readonly Uint8Array[]): Uint8Array {
  if (random.below(16) === 0) return noise(random);
  let bytes: Buffer = Buffer.from(seeds[random.below(seeds.length)] ?? new Uint8Array());
  for (let left = random.below(5); left >= 0; left -= 1) bytes = mutated(bytes, random, seeds);
  return bytes;
}

function noise(random: Rng): Uint8Array {
  return Uint8Array.from({ length: random.below(200) }, () => random.below(256));
}

function mutated(bytes: Buffer, random: Rng, seeds: readonly Uint8Array[]): Buffer {
  const at = random.below(bytes.length + 1);
  const rest = bytes.subarray(at);
  const before = bytes.subarray(0, at);
  const telling = TELLING[random.below(TELLING.length)] ?? Buffer.alloc(1);
  const other = Buffer.from(seeds[random.below(seeds.length)] ?? new Uint8Array());
  const from = random.below(other.length + 1);
  const changes: readonly (() => Buffer)[] = [
    () => before,
    () => Buffer.concat([before, Buffer.of((rest[0] ?? 0) ^ (1 << random.below(8))), tail(rest)]),
    () => Buffer.concat([before, Buffer.of(random.below(256)), tail(rest)]),
    () => Buffer.concat([before, telling, rest]),
    () => Buffer.concat([before, telling, rest.subarray(telling.length)]),
    () => Buffer.concat([before, rest.subarray(random.below(rest.length + 1))]),
    () => Buffer.concat([before, other.subarray(from)]),
    () => Buffer.concat([before, Buffer.from(telling.toString("hex").repeat(40), "hex"), rest]),
  ];
  return changes[random.below(changes.length)]?.() ?? bytes;
}

function tail(bytes: Buffer): Buffer {
  return bytes.subarray(1);
}
