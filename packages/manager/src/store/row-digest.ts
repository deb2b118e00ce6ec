/**
 * The digest of the whole state, carried along: each row's hash is added when it is written and
 * taken away when it is replaced, so that a digest costs what changed since the last one, not the
 * state. It depends on the state alone: a replica that restored a snapshot has the same.
 *
 * Invariants:
 *   G1. After every checkpoint that was finished, the sums are those over all rows and answers of
 *       the state as of its index. (Oracle: row-digest.test.ts sums them anew.)
 *   G2. Checkpoints finish in the order they were made; each may be worked off in pieces, since the
 *       rows it was made of never change.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex } from "@skein/common/ids";
import { Hash } from "./digest.ts";

/** What of the state is in no row. */
export interface DigestFacts {
  readonly index: LogIndex;
  readonly time: number;
  readonly addressCursor: number;
}

/** One row before and after: of several writes, before the first and after the last. */
interface Changed {
  readonly before: unknown;
  readonly after: unknown;
}

interface Made {
  readonly facts: DigestFacts;
  readonly changed: readonly (readonly [string, Changed])[];
  at: number;
}

export interface FinishedDigest {
  readonly index: LogIndex;
  /** 16 hexadecimal digits. */
  readonly digest: string;
}

export class RowDigest {
  #changed = new Map<string, Changed>();
  readonly #made: Made[] = [];
  #fnv = 0;
  #mix = 0;

  /** `key` names table and row. */
  note(key: string, before: unknown, after: unknown): void {
    const known = this.#changed.get(key);
    this.#changed.set(key, known === undefined ? { before, after } : { ...known, after });
  }

  /** Forgets everything: what follows is noted anew. */
  reset(): void {
    this.#changed.clear();
    this.#made.length = 0;
    this.#fnv = 0;
    this.#mix = 0;
  }

  /** Fixes the state now; `work` makes the digest. */
  checkpoint(facts: DigestFacts): void {
    this.#made.push({ facts, changed: [...this.#changed], at: 0 });
    this.#changed = new Map();
  }

  get isWorking(): boolean {
    return this.#made.length > 0;
  }

  /** Hashes at most so many changed rows; what was finished by it. */
  work(rowsMax: number): FinishedDigest | undefined {
    const made = this.#made[0];
    if (made === undefined) return undefined;
    const end = Math.min(made.at + rowsMax, made.changed.length);
    for (; made.at < end; made.at += 1) {
      const one = made.changed[made.at];
      assert(one !== undefined, `changed row ${made.at} of ${made.changed.length}`);
      const [key, { before, after }] = one;
      this.#add(key, before, -1);
      this.#add(key, after, 1);
    }
    if (end < made.changed.length) return undefined;
    this.#made.shift();
    const { index } = made.facts;
    const whole = new Hash();
    whole.add("state", { ...made.facts, fnv: this.#fnv, mix: this.#mix });
    return { index, digest: whole.hex() };
  }

  #add(key: string, row: unknown, sign: 1 | -1): void {
    if (row === undefined) return;
    const hash = new Hash();
    hash.add(key, row);
    const [fnv, mix] = hash.lanes();
    this.#fnv = (this.#fnv + sign * fnv) >>> 0;
    this.#mix = (this.#mix + sign * mix) >>> 0;
  }
}

/** For the test of G1: what `work` must give, of all rows at once. */
export function digestOfRows(
  facts: DigestFacts,
  rows: Iterable<readonly [string, unknown]>,
): string {
  const all = new RowDigest();
  for (const [key, row] of rows) all.note(key, undefined, row);
  all.checkpoint(facts);
  return all.work(Number.POSITIVE_INFINITY)?.digest ?? "";
}
