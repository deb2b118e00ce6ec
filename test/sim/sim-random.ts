/**
 * The `Random` port from one seed: equal seeds draw equally, on every machine. The generator is
 * xoshiro128** (Blackman and Vigna), its state spread from the seed by a 32-bit mixer.
 */
import { assert } from "@skein/common/assert";
import type { Random } from "@skein/common/io/random";

const ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";
const ID_LENGTH = 25;
const WORD = 2 ** 32;

export class SimRandom implements Random {
  readonly #seed: number;
  readonly #state: Uint32Array;

  constructor(seed: number) {
    assert(Number.isSafeInteger(seed) && seed >= 0, `seed ${seed} is not a whole number`);
    this.#seed = seed;
    let mixed = mix((seed % WORD) ^ mix(Math.floor(seed / WORD)));
    this.#state = Uint32Array.from({ length: 4 }, () => {
      mixed = mix((mixed + 0x9e3779b9) >>> 0);
      return mixed;
    });
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /**
   * A stream of its own for one part of the world. It depends on the seed and the name alone, so
   * that a draw more in one part does not change what happens in another.
   */
  fork(name: string): SimRandom {
    let hash = mix(this.#seed % WORD);
    for (const letter of name) hash = mix((hash ^ (letter.codePointAt(0) ?? 0)) >>> 0);
    const low = mix((hash + 0x85ebca6b) >>> 0);
    return new SimRandom((hash & 0x1fffff) * WORD + low);
  }

  below(bound: number): number {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= WORD, `bound ${bound}`);
    // Words beyond the last whole multiple are drawn again, so that no number is favoured.
    const limit = WORD - (WORD % bound);
    let word = this.#word();
    while (word >= limit) word = this.#word();
    return word % bound;
  }

  id(): string {
    return Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[this.below(36)]).join("");
  }

  /** A whole number in min … max. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** True once in `oneIn` times on average; never when it is 0. */
  once(oneIn: number): boolean {
    return oneIn > 0 && this.below(oneIn) === 0;
  }

  #word(): number {
    const s = this.#state;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s;
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    const t2 = s2 ^ s0;
    const t3 = s3 ^ s1;
    s[0] = s0 ^ t3;
    s[1] = s1 ^ t2;
    s[2] = t2 ^ (s1 << 9);
    s[3] = rotate(t3, 11);
    return result;
  }
}

function rotate(word: number, bits: number): number {
  return ((word << bits) | (word >>> (32 - bits))) >>> 0;
}

function mix(word: number): number {
  let z = (word + 0x9e3779b9) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}
