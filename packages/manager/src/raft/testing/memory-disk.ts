/** The durable state of one member in tests: what persist effects leave behind, in their order. */
import { assert } from "@skein/common/assert";
import type { LogIndex, Term } from "@skein/common/ids";
import type { Entry, HardState, RaftEffect, RaftRecovered, SnapshotMeta } from "../protocol.ts";

export type PersistEffect = Extract<RaftEffect, { readonly kind: "persist" }>;

export class MemoryDisk {
  #hardState: HardState;
  #snapshot: SnapshotMeta;
  #entries: Entry[];

  constructor(recovered: RaftRecovered) {
    this.#hardState = recovered.hardState;
    this.#snapshot = recovered.snapshot;
    this.#entries = [...recovered.entries];
  }

  /**
   * One record group: term and vote, the snapshot's mark, then entries replacing what they overlap.
   */
  write(effect: PersistEffect): void {
    assert(effect.hardState.term >= this.#hardState.term, "a term is written that is older");
    this.#hardState = effect.hardState;
    if (effect.snapshot !== undefined) {
      this.#snapshot = effect.snapshot;
      this.#entries = [];
    }
    const first = effect.entries[0];
    if (first === undefined) return;
    this.#entries = this.#entries.filter((entry) => entry.index < first.index);
    const end = this.#entries.at(-1)?.index ?? this.#snapshot.index;
    assert(first.index <= end + 1, `entry ${first.index} is written behind ${end}`);
    this.#entries.push(...effect.entries);
  }

  /** The state machine's snapshot of this member is durable. */
  saveSnapshot(meta: SnapshotMeta): void {
    if (meta.index <= this.#snapshot.index) return;
    const held = this.holds(meta.index, meta.term);
    this.#entries = held ? this.#entries.filter((entry) => entry.index > meta.index) : [];
    this.#snapshot = meta;
  }

  holds(index: LogIndex, term: Term): boolean {
    if (index <= this.#snapshot.index) return true;
    return this.#entries.some((entry) => entry.index === index && entry.term === term);
  }

  recovered(): RaftRecovered {
    return { hardState: this.#hardState, snapshot: this.#snapshot, entries: [...this.#entries] };
  }
}
