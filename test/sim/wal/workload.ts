/**
 * Drives a storage as the manager does: one persist at a time, snapshots and compaction beside it.
 */
import { logIndex } from "@skein/common/ids";
import type { Random } from "@skein/common/io/random";
import type { RaftRecovered, SnapshotMeta } from "@skein/manager/raft/protocol";
import type { PersistEffect, RaftStorage } from "@skein/manager/wal/raft-storage";
import { effect, hardState, meta } from "./harness.ts";
import type { Expectation, ModelLog } from "./model.ts";
import {
  applyEffect,
  drawEffect,
  drawOwnSnapshot,
  drawReceivedSnapshot,
  emptyLog,
  modelOf,
  stateOf,
  termAt,
} from "./model.ts";

export class Workload {
  readonly #random: Random;
  #storage: RaftStorage | undefined;
  /** What was asked; what was acknowledged, and the commit index that was on disk with it. */
  #asked: ModelLog = emptyLog;
  #acknowledged: ModelLog = emptyLog;
  #durableCommit = 0;
  #persisting = false;
  #saving = false;
  /** Saved or being saved; the first is the newest that was acknowledged. */
  #snapshots: readonly SnapshotMeta[] = [meta(0, 0)];
  /** Received from a leader, and not yet told to the log. */
  #arrived: { readonly snapshot: SnapshotMeta; readonly saved: boolean } | undefined;
  failure: string | undefined;
  batches = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get storage(): RaftStorage | undefined {
    return this.#storage;
  }

  /** Goes on from what an opening recovered, as Raft does. */
  attach(storage: RaftStorage, recovered: RaftRecovered): void {
    this.#storage = storage;
    this.#asked = modelOf(recovered);
    this.#acknowledged = this.#asked;
    this.#durableCommit = recovered.hardState.commit;
    const { index } = recovered.snapshot;
    if (this.#arrived !== undefined && this.#arrived.snapshot.index <= index) {
      this.#arrived = undefined;
    }
  }

  get idle(): boolean {
    return !this.#persisting && !this.#saving;
  }

  expectation(): Expectation {
    const asked = this.#asked;
    const logs = this.#persisting ? [this.#acknowledged, asked] : [asked];
    const commitMax = asked.state.commit;
    return { logs, commitMin: this.#durableCommit, commitMax, snapshots: this.#snapshots };
  }

  /** Asks for the next thing, if it may. */
  step(): void {
    const storage = this.#storage;
    if (storage === undefined || this.failure !== undefined) return;
    const fate = this.#random.below(12);
    if (fate === 0) this.#saveOwn(storage);
    else if (fate === 1 && this.#random.below(3) === 0) this.#receive(storage);
    else if (!this.#persisting) this.#persist(storage, this.#draw());
  }

  #draw(): readonly PersistEffect[] {
    const arrived = this.#arrived;
    let log = this.#asked;
    if (arrived !== undefined && arrived.saved) {
      this.#arrived = undefined;
      return [takeSnapshot(log, arrived.snapshot)];
    }
    // What the snapshot covers is committed as it says, and as nothing else.
    const commitMax = this.#arrived ? this.#arrived.snapshot.index - 1 : Number.POSITIVE_INFINITY;
    const effects: PersistEffect[] = [];
    for (let count = this.#random.below(3); count >= 0; count -= 1) {
      const next = drawEffect(this.#random, log, commitMax);
      log = applyEffect(log, next);
      effects.push(next);
    }
    return effects;
  }

  #persist(storage: RaftStorage, effects: readonly PersistEffect[]): void {
    const before = this.#asked;
    this.#asked = effects.reduce(applyEffect, before);
    const asked = this.#asked;
    const alone = isCommitAlone(effects, before);
    this.#persisting = true;
    storage.persist(effects, (error) => {
      if (error !== undefined) {
        this.failure = error;
        return;
      }
      this.#persisting = false;
      this.#acknowledged = asked;
      this.batches += 1;
      if (!alone) this.#durableCommit = asked.state.commit;
    });
  }

  #saveOwn(storage: RaftStorage): void {
    if (this.#saving) return;
    // Only what was acknowledged can have been applied.
    const snapshot = drawOwnSnapshot(this.#random, this.#acknowledged);
    if (snapshot === undefined) return;
    this.#save(storage, snapshot, () => {
      const kept = Math.max(1, snapshot.index - this.#random.below(20));
      storage.compact(logIndex(kept));
    });
  }

  #receive(storage: RaftStorage): void {
    if (this.#saving || this.#arrived !== undefined) return;
    const snapshot = drawReceivedSnapshot(this.#random, this.#asked);
    this.#arrived = { snapshot, saved: false };
    this.#save(storage, snapshot, () => {
      this.#arrived = { snapshot, saved: true };
    });
  }

  #save(storage: RaftStorage, snapshot: SnapshotMeta, saved: () => void): void {
    const newest = this.#snapshots[0];
    this.#saving = true;
    if (newest === undefined || snapshot.index > newest.index) {
      this.#snapshots = [...this.#snapshots, snapshot];
    }
    storage.saveSnapshot(snapshot, stateOf(snapshot), (error) => {
      if (error !== undefined) {
        this.failure = error;
        return;
      }
      this.#saving = false;
      this.#snapshots = this.#snapshots.filter((s) => s.index >= snapshot.index);
      saved();
    });
  }
}

/** Raft keeps a log that has the snapshot's last entry, and restarts any other behind it. */
function takeSnapshot(log: ModelLog, snapshot: SnapshotMeta): PersistEffect {
  const { state } = log;
  const term = Math.max(state.term, snapshot.term);
  const vote = term === state.term ? state.votedFor : undefined;
  const change = effect(hardState(term, Math.max(state.commit, snapshot.index), vote));
  const known = termAt(log, snapshot.index) === snapshot.term;
  return known ? change : { ...change, snapshot };
}

function isCommitAlone(effects: readonly PersistEffect[], before: ModelLog): boolean {
  return effects.every(({ entries, snapshot, hardState: { term, votedFor } }) => {
    const { state } = before;
    if (entries.length > 0 || snapshot !== undefined) return false;
    return term === state.term && votedFor === state.votedFor;
  });
}
