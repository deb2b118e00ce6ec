/**
 * The replicated state of one manager: applies committed entries to the store, takes a snapshot now
 * and then, and replaces the store by a received one. A throw while applying is a broken invariant:
 * the process stops, since a store that missed a change must not go on.
 */
import type { LogIndex, Term } from "@skein/common/ids";
import { logIndex } from "@skein/common/ids";
import type { Clock } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Result } from "@skein/common/result";
import { decode } from "@skein/common/wire/codec";
import { ENTRIES_KEPT_FOR_FOLLOWERS, SNAPSHOT_INTERVAL_ENTRIES } from "../limits.ts";
import type { Configuration, Entry, SnapshotMeta } from "../raft/protocol.ts";
import { configurationSchema } from "../raft/protocol.ts";
import type { Accepted, Refusal } from "../store/command.ts";
import { concatBytes } from "../store/snapshot.ts";
import type { Store } from "../store/store.ts";
import { createStore } from "../store/store.ts";
import type { RaftStorage } from "../wal/raft-storage.ts";
import type { Compaction } from "./manager-ports.ts";
import { StoreClock } from "./store-clock.ts";

const COMPACTION: Compaction = {
  everyEntries: SNAPSHOT_INTERVAL_ENTRIES,
  keepEntries: ENTRIES_KEPT_FOR_FOLLOWERS,
};

export interface StateMachineOptions {
  readonly storage: RaftStorage;
  readonly snapshot: SnapshotMeta;
  readonly state: Uint8Array | undefined;
  readonly clock: Clock;
  readonly compaction: Compaction | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
  fatal(reason: string): void;
  /** After each entry, of whatever kind. */
  entryApplied(index: LogIndex): void;
  /** The store was replaced by a snapshot's state. */
  replaced(): void;
  /** A command was applied, or refused by `apply`. */
  answered(index: LogIndex, term: Term, result: Result<Accepted, Refusal>): void;
  /** Our own snapshot is durable: the log before `keepFrom` may go. */
  snapshotTaken(meta: SnapshotMeta, keepFrom: LogIndex): void;
}

export class StateMachine {
  readonly store: Store = createStore();
  readonly time: StoreClock;
  readonly #options: StateMachineOptions;
  #applied: LogIndex;
  #appliedTerm: Term;
  /** The configuration as of `applied`: what a snapshot taken now must carry. */
  #configuration: Configuration;
  #snapshotIndex: LogIndex;
  #saving = false;

  constructor(options: StateMachineOptions) {
    this.#options = options;
    this.time = new StoreClock(options.clock, this.store.view.time);
    this.#applied = options.snapshot.index;
    this.#appliedTerm = options.snapshot.term;
    this.#configuration = options.snapshot.configuration;
    this.#snapshotIndex = options.snapshot.index;
    if (options.state !== undefined) this.replace(options.snapshot, options.state);
  }

  /** Index of the last applied entry of any kind. */
  get applied(): LogIndex {
    return this.#applied;
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index !== this.#applied + 1) {
        this.#options.fatal(`entry ${entry.index} came after ${this.#applied}`);
        return;
      }
      this.#applyOne(entry);
      this.#applied = entry.index;
      this.#appliedTerm = entry.term;
      this.#options.entryApplied(entry.index);
    }
    this.time.applied(this.store.view.time);
    const { everyEntries } = this.#options.compaction ?? COMPACTION;
    if (this.#applied - this.#snapshotIndex >= everyEntries) this.#takeSnapshot();
  }

  /** Replaces the store by a snapshot's state. */
  replace(meta: SnapshotMeta, state: Uint8Array): void {
    const restored = this.store.restore(meta.index, state);
    if (!restored.ok) {
      this.#options.fatal(`snapshot at ${meta.index} does not decode: ${restored.error.reason}`);
      return;
    }
    this.time.applied(this.store.view.time);
    this.#applied = meta.index;
    this.#appliedTerm = meta.term;
    this.#configuration = meta.configuration;
    this.#snapshotIndex = meta.index;
    this.#options.replaced();
  }

  #applyOne(entry: Entry): void {
    if (entry.kind === "noop") return;
    if (entry.kind === "config") {
      const configuration = decode(configurationSchema, entry.data);
      if (configuration.ok) this.#configuration = configuration.value;
      else this.#options.fatal(`configuration at ${entry.index}: ${configuration.error.reason}`);
      return;
    }
    const result = this.store.applyEntry(entry.index, entry.data);
    if (!result.ok && result.error.code === "bug") {
      this.#options.metrics.count("skein_apply_bugs_total");
      this.#options.log.write("error", "apply met a bug", { reason: result.error.message });
    }
    this.#options.answered(entry.index, entry.term, result);
  }

  #takeSnapshot(): void {
    if (this.#saving) return;
    this.#saving = true;
    const meta: SnapshotMeta = {
      index: this.#applied,
      term: this.#appliedTerm,
      configuration: this.#configuration,
    };
    // Fixed now, encoded in slices: a long state must not delay a heartbeat.
    const slices = this.store.snapshotSlices()[Symbol.iterator]();
    this.#encode(slices, [], (state) => this.#save(meta, state));
  }

  #encode(
    slices: Iterator<Uint8Array>,
    done: Uint8Array[],
    finish: (state: Uint8Array) => void,
  ): void {
    const next = slices.next();
    if (next.done === true) {
      finish(concatBytes(done));
      return;
    }
    done.push(next.value);
    this.#options.clock.after(0, () => this.#encode(slices, done, finish));
  }

  #save(meta: SnapshotMeta, state: Uint8Array): void {
    this.#options.storage.saveSnapshot(meta, state, (error) => {
      this.#saving = false;
      if (error !== undefined) {
        this.#options.log.write("error", "snapshot not saved", { reason: error });
        return;
      }
      this.#snapshotIndex = meta.index;
      const { keepEntries } = this.#options.compaction ?? COMPACTION;
      const keepFrom = logIndex(Math.max(1, meta.index - keepEntries));
      this.#options.storage.compact(keepFrom);
      this.#options.snapshotTaken(meta, keepFrom);
    });
  }
}
