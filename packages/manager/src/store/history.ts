/**
 * The changes of the last commands, so that a watch which lost its connection goes on where it was.
 * Local to a replica: it is neither in the snapshot nor in the digest.
 *
 * Invariants:
 *   C1. Holds every change behind `#since`, in order; commands leave whole, the oldest first.
 *   C2. At most `HISTORY_CHANGES_MAX` changes. A command with more than that leaves nothing.
 */
import type { LogIndex } from "@skein/common/ids";
import { logIndex } from "@skein/common/ids";
import { HISTORY_CHANGES_MAX } from "../limits.ts";
import type { Change } from "./view.ts";

export class ChangeHistory {
  readonly #max: number;
  /** Changes up to here are forgotten. */
  #since: LogIndex = logIndex(0);
  #changes: Change[] = [];
  /**
   * Start of the living part of `#changes`: cut off only when it is half, so that a cut is cheap.
   */
  #start = 0;

  constructor(max = HISTORY_CHANGES_MAX) {
    this.#max = max;
  }

  add(changes: readonly Change[]): void {
    for (const change of changes) this.#changes.push(change);
    this.#forget(this.#changes.length - this.#start - this.#max);
  }

  /** Everything behind `index`; undefined when some of it is forgotten. */
  since(index: LogIndex): readonly Change[] | undefined {
    if (index < this.#since) return undefined;
    return this.#changes.slice(this.#firstBehind(index));
  }

  all(): readonly Change[] {
    return this.#changes.slice(this.#start);
  }

  /** After a restore: what led to this state is unknown. */
  reset(index: LogIndex): void {
    this.#since = index;
    this.#changes = [];
    this.#start = 0;
  }

  /** The rest of the command that the cut falls into is not read: `since` refuses first (C1). */
  #forget(count: number): void {
    if (count <= 0) return;
    const last = this.#changes[this.#start + count - 1];
    if (last === undefined) return;
    this.#since = last.index;
    this.#start += count;
    if (this.#start * 2 < this.#changes.length) return;
    this.#changes = this.#changes.slice(this.#start);
    this.#start = 0;
  }

  #firstBehind(index: LogIndex): number {
    let low = this.#start;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const change = this.#changes[middle];
      if (change !== undefined && change.index <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
