/** Small hashes: places on the rings, and the root that tells whether two members know the same. */

/** Two 32-bit lanes: an accidental match of different states is one in 2^64. */
export type Root = readonly [number, number];

export function hashText(text: string, seed: number): number {
  let hash = mix(seed ^ text.length);
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return mix(hash);
}

/** Folds whole numbers of up to 53 bits into a hash. */
export function hashNumbers(hash: number, numbers: readonly number[]): number {
  let folded = hash;
  for (const number of numbers) {
    folded = mix(folded ^ (number >>> 0));
    folded = mix(folded ^ Math.floor(number / 2 ** 32));
  }
  return folded >>> 0;
}

/** An order-free sum: XOR of the hashes of everything that is in. */
export class RootSum {
  #a = 0;
  #b = 0;

  /** Adds what was not in, or takes out what was. */
  toggle(id: string, numbers: readonly number[]): void {
    this.#a = (this.#a ^ hashNumbers(hashText(id, 1), numbers)) >>> 0;
    this.#b = (this.#b ^ hashNumbers(hashText(id, 2), numbers)) >>> 0;
  }

  lanes(): Root {
    return [this.#a, this.#b];
  }
}

export function sameRoot(a: Root, b: Root): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

function mix(word: number): number {
  let z = (word + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}
