/** The `Random` port from a seed: equal seeds draw equally, on every machine (xorshift128). */
import type { Random } from "@skein/common/io/random";

const ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";
const ID_LENGTH = 25;

export function seededRandom(seed: number): Random {
  // SplitMix32 spreads the seed over the state, so that neighbouring seeds do not draw alike.
  let mix = seed >>> 0;
  const spread = () => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let word = mix ^ (mix >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
  let [x, y, z, w] = [spread(), spread(), spread(), spread() | 1];
  const next = () => {
    const t = x ^ (x << 11);
    [x, y, z] = [y, z, w];
    w = (w ^ (w >>> 19) ^ t ^ (t >>> 8)) >>> 0;
    return w;
  };
  const below = (bound: number) => Math.floor((next() / 2 ** 32) * bound);
  const id = () => Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[below(36)]).join("");
  return { below, id };
}
