/**
 * The log that a sequence of records means. A newer entry at an index replaces the older one and
 * all behind it: truncation is logical, nothing is cut on disk.
 */
import { must } from "@skein/common/assert";
import type { LogIndex, Term } from "@skein/common/ids";
import { logIndex, term } from "@skein/common/ids";
import type { Entry, HardState, SnapshotMeta } from "../raft/protocol.ts";
import type { FoundBatch } from "./batch.ts";
import type { LogFact, LogPosition } from "./record.ts";
import { factOf } from "./record.ts";
import { Retention } from "./retention.ts";
import type { SegmentHeader } from "./segment.ts";

export class LogFold {
  /** The entry before the first one; its term is not known when entries before it were replaced. */
  #base: { readonly index: LogIndex; readonly term: Term | undefined } | undefined;
  #entries: Entry[] = [];
  #hardState: HardState = { term: term(0), commit: logIndex(0) };
  #restart: SnapshotMeta | undefined;
  #markIndex = logIndex(0);
  readonly retention = new Retention();

  get base(): LogIndex {
    return this.#base?.index ?? logIndex(0);
  }

  get last(): LogIndex {
    return this.#entries.at(-1)?.index ?? this.base;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  /** The snapshot the log restarted behind last, if that record is still there. */
  get restart(): SnapshotMeta | undefined {
    return this.#restart;
  }

  /** The newest snapshot known to have been durable. */
  get markIndex(): LogIndex {
    return this.#markIndex;
  }

  get end(): LogPosition {
    return { index: this.last, term: this.termAt(this.last) ?? term(0) };
  }

  /** Undefined behind the end, before the base, and where it is not known. */
  termAt(index: LogIndex): Term | undefined {
    if (index === this.base) return this.#base?.term;
    return this.#entries[index - this.base - 1]?.term;
  }

  entriesBehind(index: LogIndex): readonly Entry[] {
    return this.#entries.slice(Math.max(0, index - this.base));
  }

  /** What contradicts the records so far, if anything. */
  beginSegment(header: SegmentHeader): string | undefined {
    const index = logIndex(header.previousIndex);
    this.retention.segmentBegan(header.sequence);
    if (this.#base === undefined) {
      this.#base = { index, term: term(header.previousTerm) };
      return undefined;
    }
    const known = this.termAt(index) ?? header.previousTerm;
    if (index === this.last && known === header.previousTerm) return undefined;
    const ends = `the log ends at ${this.last}`;
    return `it continues entry ${index} of term ${header.previousTerm}, ${ends}`;
  }

  addBatch(batch: FoundBatch): string | undefined {
    for (const record of batch.records) {
      const fact = factOf(record);
      const wrong = fact.ok ? this.#add(fact.value) : fact.error;
      if (wrong !== undefined) return `batch ${batch.batch}: ${wrong}`;
    }
    return undefined;
  }

  #add(fact: LogFact): string | undefined {
    switch (fact.kind) {
      case "hard-state":
        return this.#setHardState(fact.hardState);
      case "entry":
        return this.#append(fact.entry);
      case "snapshot-mark":
        return this.#mark(fact.meta);
      default:
        return this.#restartBehind(fact.meta);
    }
  }

  #setHardState(next: HardState): string | undefined {
    const before = this.#hardState;
    this.#hardState = next;
    if (next.term < before.term) return `term ${next.term} follows term ${before.term}`;
    if (next.commit < before.commit) return `commit ${next.commit} follows ${before.commit}`;
    return undefined;
  }

  #append(entry: Entry): string | undefined {
    const base = must(this.#base, "the first segment's header");
    if (entry.index > this.last + 1) return `entry ${entry.index} follows entry ${this.last}`;
    if (entry.index < 1) return "there is no entry 0";
    if (entry.index <= base.index) {
      // The entries before were replaced; those still wanted were compacted away with their
      // segments.
      this.#base = { index: logIndex(entry.index - 1), term: undefined };
      this.#entries = [];
    } else if (entry.index <= this.last) {
      this.#entries.length = entry.index - base.index - 1;
    }
    this.#entries.push(entry);
    this.retention.appended(entry.index);
    return undefined;
  }

  #mark(meta: SnapshotMeta): undefined {
    if (meta.index > this.#markIndex) this.#markIndex = meta.index;
  }

  #restartBehind(meta: SnapshotMeta): undefined {
    this.#mark(meta);
    this.#restart = meta;
    this.#base = { index: meta.index, term: meta.term };
    this.#entries = [];
    this.retention.restarted();
  }
}
