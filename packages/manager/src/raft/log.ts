/**
 * The replicated log in memory (thesis 3.5), and what of it is durable on this member's disk.
 *
 * Invariants:
 *   L1. Entries are contiguous behind the base, and their terms never decrease.
 *   L2. Nothing at or below the commit index is ever replaced: the attempt is a bug, and stops us.
 *   L3. `durable` counts an entry only if the write that carried *this* entry is complete. A
 *       replaced range is clipped out of every older write in flight, so that a late completion of
 *       an old write cannot vouch for the new entries at the same indexes (the ABA of asynchronous
 *       storage).
 */
import { assert, must } from "@skein/common/assert";
import type { LogIndex, Term } from "@skein/common/ids";
import { logIndex } from "@skein/common/ids";
import { RAFT_ENTRY_OVERHEAD_BYTES } from "../limits.ts";
import type { Entry } from "./protocol.ts";

/** One persist effect under way: when it completes, the log is durable up to `last`. */
interface Write {
  readonly sequence: number;
  last: LogIndex;
}

export interface BatchLimits {
  readonly bytesMax: number;
  readonly entriesMax: number;
}

/** Where a log begins: the entry before its first one. */
export interface LogBase {
  readonly index: LogIndex;
  readonly term: Term;
}

/** Index arithmetic leaves the brand; this is the one way back in. */
export function toIndex(value: number): LogIndex {
  // Called several times a step: the text is made only for the failure.
  const valid = Number.isSafeInteger(value) && value >= 0;
  if (!valid) assert(valid, `log index ${value} is out of range`);
  return logIndex(value);
}

/** What an entry weighs in every bound that counts bytes. */
export function entryBytes(entry: Entry): number {
  return entry.data.length + RAFT_ENTRY_OVERHEAD_BYTES;
}

export class RaftLog {
  #base: LogBase;
  #entries: Entry[];
  #durable: LogIndex;
  #unsavedFrom: LogIndex | undefined;
  #writes: Write[] = [];

  /** `entries` are what recovery read back: they are durable. */
  constructor(base: LogBase, entries: readonly Entry[]) {
    this.#base = base;
    this.#entries = [];
    for (const entry of entries) this.#push(entry);
    this.#durable = this.last;
  }

  get base(): LogBase {
    return this.#base;
  }

  get last(): LogIndex {
    return toIndex(this.#base.index + this.#entries.length);
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#base.term;
  }

  get durable(): LogIndex {
    return this.#durable;
  }

  /** Undefined where this log cannot tell: before the base, or behind the end. */
  termAt(index: LogIndex): Term | undefined {
    if (index === this.#base.index) return this.#base.term;
    return this.#entries[index - this.#base.index - 1]?.term;
  }

  entry(index: LogIndex): Entry {
    return must(this.#entries[index - this.#base.index - 1], "a log entry");
  }

  /** Entries of `from` … `to`, both included. */
  slice(from: LogIndex, to: LogIndex): readonly Entry[] {
    assert(from > this.#base.index, `entry ${from} is compacted away`);
    assert(to <= this.last, `entry ${to} is behind the end ${this.last}`);
    return this.#entries.slice(from - this.#base.index - 1, to - this.#base.index);
  }

  /** Every retained entry, as it is: not to be kept across a step. */
  all(): readonly Entry[] {
    return this.#entries;
  }

  /** As many entries of `from` … `to` as fit; at least one where there is one. */
  batch(from: LogIndex, to: LogIndex, limits: BatchLimits): readonly Entry[] {
    let bytes = 0;
    let end: number = from - 1;
    while (end < to && end - from + 1 < limits.entriesMax) {
      bytes += entryBytes(this.entry(toIndex(end + 1)));
      if (bytes > limits.bytesMax && end >= from) break;
      end += 1;
    }
    return end < from ? [] : this.slice(from, toIndex(end));
  }

  /** The last index at or below `index` whose term is at most `term`: where two logs may meet. */
  lastAtOrBelow(index: LogIndex, term: Term): LogIndex {
    let at: number = Math.min(index, this.last);
    while (at > this.#base.index && must(this.termAt(toIndex(at)), "a term of the log") > term)
      at -= 1;
    return toIndex(at);
  }

  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    for (const entry of entries) this.#push(entry);
    this.#unsavedFrom = lesser(this.#unsavedFrom ?? first.index, first.index);
  }

  /** Drops `from` and everything behind it (a conflict with the leader's log, thesis 3.5). */
  truncate(from: LogIndex, commit: LogIndex): void {
    assert(from > commit, `cannot truncate at ${from}: committed up to ${commit}`); // L2
    assert(from > this.#base.index, `cannot truncate at ${from}: base is ${this.#base.index}`);
    this.#entries.length = Math.min(this.#entries.length, from - this.#base.index - 1);
    this.#clip(toIndex(from - 1));
    if (this.#unsavedFrom !== undefined && this.#unsavedFrom >= from) this.#unsavedFrom = undefined;
  }

  /** Forgets entries before `keepFrom`; the state machine's snapshot covers them. */
  compact(keepFrom: LogIndex): void {
    const cut = keepFrom - 1 - this.#base.index;
    if (cut <= 0) return;
    assert(cut <= this.#entries.length, `cannot compact to ${keepFrom}: last is ${this.last}`);
    const index = toIndex(keepFrom - 1);
    const term = must(this.termAt(index), `term of ${index}`);
    this.#entries = this.#entries.slice(cut);
    this.#base = { index, term };
  }

  /**
   * The log restarts behind an installed snapshot; what it held beyond `commit` was not ours to
   * keep.
   */
  restart(base: LogBase, commit: LogIndex): void {
    assert(base.index > commit, `snapshot ${base.index} is not ahead of commit ${commit}`);
    this.#entries = [];
    this.#base = base;
    this.#unsavedFrom = undefined;
    this.#clip(commit);
  }

  hasUnsaved(): boolean {
    return this.#unsavedFrom !== undefined;
  }

  /**
   * The entries that the persist effect `sequence` must carry; everything up to the end is then
   * under way.
   */
  takeUnsaved(sequence: number): readonly Entry[] {
    const from = this.#unsavedFrom;
    this.#unsavedFrom = undefined;
    this.#writes.push({ sequence, last: this.last });
    return from === undefined ? [] : this.slice(from, this.last);
  }

  /** Persist effects up to `sequence` are durable. */
  persisted(sequence: number): void {
    let done = 0;
    for (const write of this.#writes) {
      if (write.sequence > sequence) break;
      if (write.last > this.#durable) this.#durable = write.last;
      done += 1;
    }
    this.#writes.splice(0, done);
    assert(this.#durable <= this.last, `durable ${this.#durable} > last ${this.last}`);
  }

  #push(entry: Entry): void {
    // L1
    assert(entry.index === this.last + 1, `entry ${entry.index} does not follow ${this.last}`);
    assert(entry.term >= this.lastTerm, `term ${entry.term} follows ${this.lastTerm}`);
    this.#entries.push(entry);
  }

  #clip(last: LogIndex): void {
    this.#durable = lesser(this.#durable, last);
    for (const write of this.#writes) write.last = lesser(write.last, last); // L3
  }
}

function lesser(a: LogIndex, b: LogIndex): LogIndex {
  return a < b ? a : b;
}
