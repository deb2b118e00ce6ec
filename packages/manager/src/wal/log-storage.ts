/**
 * The machinery behind raft-storage.ts, where the invariants stand: queue, poison, head compaction.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex } from "@skein/common/ids";
import { logIndex } from "@skein/common/ids";
import type { DiskError } from "@skein/common/io/disk";
import type { Log } from "@skein/common/io/log";
import { fail } from "@skein/common/result";
import type { HardState, SnapshotMeta } from "../raft/protocol.ts";
import type { LogFiles } from "./log-files.ts";
import type { LogSpace, PersistEffect, RaftStorage } from "./raft-storage.ts";
import type { LogPosition, LogRecord } from "./record.ts";
import {
  entryRecord,
  hardStateRecord,
  markRecord,
  positionAfter,
  restartRecord,
  TYPE_ENTRY,
  TYPE_RESTART,
} from "./record.ts";
import type { Recovery } from "./recovery.ts";
import type { Retention } from "./retention.ts";
import { segmentName } from "./segment.ts";
import type { LogBatch, SegmentLogOptions } from "./segment-log.ts";
import { SegmentLog } from "./segment-log.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { StorageError } from "./storage-error.ts";
import { diskFailure } from "./storage-error.ts";

export interface LogStorageOptions extends Omit<SegmentLogOptions, "spareFailed" | "spareEnded"> {
  readonly log: Log;
}

type Done = (error: string | undefined) => void;

interface Job {
  readonly records: readonly LogRecord[];
  readonly done: Done;
}

/** What is written at once. */
interface Flush {
  readonly jobs: readonly Job[];
  readonly records: readonly LogRecord[];
  readonly hardState: HardState;
}

const CLOSED = "the log is closed";

export class LogStorage implements RaftStorage {
  readonly #options: LogStorageOptions;
  readonly #files: LogFiles;
  readonly #segments: SegmentLog;
  readonly #snapshots: SnapshotKeeper;
  readonly #retention: Retention;
  #jobs: Job[] = [];
  #flushing = false;
  #failure: string | undefined;
  /** The latest asked for, and the one on disk. */
  #hardState: HardState;
  #written: HardState;
  /** Where the log ends with all that was asked, and on disk. */
  #askedEnd: LogPosition;
  #end: LogPosition;
  #keepFrom = 0;
  #dropping = false;
  #closing: (() => void) | undefined;
  #lastBatchAsked = false;
  /** Found no space: written again as it is before anything else is. */
  #waiting: Flush | undefined;
  #space: LogSpace = "enough";
  #spaceChanged: (space: LogSpace) => void = () => undefined;

  /** Keeps nothing of the recovery that is large: segments as read, entries, the snapshot. */
  constructor(options: LogStorageOptions, recovery: Recovery) {
    const { opening, previousSnapshot } = recovery;
    const { hardState, snapshot } = opening.recovered;
    this.#options = options;
    this.#files = options.files;
    const spareFailed = (error: DiskError) => this.#spareFailed(error);
    const spareEnded = () => this.#lookAtSpace();
    this.#segments = new SegmentLog({ ...options, spareFailed, spareEnded }, opening.tail);
    this.#snapshots = this.#createSnapshots(snapshot, previousSnapshot);
    this.#retention = opening.retention;
    this.#hardState = hardState;
    this.#written = hardState;
    this.#askedEnd = opening.end;
    this.#end = opening.end;
  }

  /** Begins a new segment: what a crash left behind the last batch of the old one never counts. */
  start(first: LogBatch, done: (error: DiskError | undefined) => void): void {
    this.#segments.start(first, (error, segment) => {
      if (error !== undefined) return done(error);
      this.#retention.batchWritten(segment, first.records);
      this.#countSegments();
      done(undefined);
    });
  }

  persist(batch: readonly PersistEffect[], done: Done): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) return done(refusal);
    const records: LogRecord[] = [];
    for (const effect of batch) this.#take(effect, records);
    // A commit index that moved alone rides along with the next batch: Raft can always learn it
    // again.
    if (records.length === 0 && sameVote(this.#hardState, this.#written)) return done(undefined);
    this.#submit({ records, done });
  }

  saveSnapshot(meta: SnapshotMeta, state: Uint8Array, done: Done): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) return done(refusal);
    this.#snapshots.save({ meta, state }, done);
  }

  readSnapshot(done: Parameters<RaftStorage["readSnapshot"]>[0]): void {
    const message = this.#refusal();
    if (message !== undefined) return done(fail({ code: "closed", message }));
    this.#snapshots.read(done);
  }

  compact(keepFrom: LogIndex): void {
    if (this.#refusal() !== undefined) return;
    const { newest, previous } = this.#snapshots;
    // Without a snapshot the beginning of the log is all there is to begin with.
    if (newest.index === 0) return;
    this.#keepLess(Math.min(keepFrom, previous + 1));
  }

  get space(): LogSpace {
    return this.#space;
  }

  watchSpace(changed: (space: LogSpace) => void): void {
    this.#spaceChanged = changed;
  }

  retrySpace(): void {
    if (this.#failure !== undefined || this.#closing !== undefined || this.#flushing) return;
    const flush = this.#waiting;
    if (flush === undefined) return this.#segments.retrySpare();
    this.#waiting = undefined;
    this.#write(flush);
  }

  close(done: () => void): void {
    assert(this.#closing === undefined, "the log is closed twice");
    this.#closing = done;
    const flush = this.#waiting;
    this.#waiting = undefined;
    // Nothing of it counts: a part of a last batch is dropped when the log is opened.
    for (const job of [...(flush?.jobs ?? []), ...(flush === undefined ? [] : this.#jobs)]) {
      job.done(CLOSED);
    }
    if (flush !== undefined) {
      this.#jobs = [];
      this.#lastBatchAsked = true;
    }
    this.#settle();
  }

  #createSnapshots(newest: SnapshotMeta, previous: number): SnapshotKeeper {
    const { files, clock, log, metrics } = this.#options;
    const mark = (meta: SnapshotMeta, done: Done) =>
      this.#submit({ records: [markRecord(meta)], done });
    const poison = (error: StorageError) => this.#poison(error);
    const failure = () => this.#failure;
    const idle = () => this.#settle();
    const options = { files, clock, log, metrics, mark, poison, failure, idle };
    return new SnapshotKeeper(options, newest, previous);
  }

  #refusal(): string | undefined {
    return this.#failure ?? (this.#closing === undefined ? undefined : CLOSED);
  }

  #take(effect: PersistEffect, records: LogRecord[]): void {
    const { hardState, snapshot, entries } = effect;
    const before = this.#hardState;
    assert(hardState.term >= before.term, `term ${hardState.term} < ${before.term}`);
    assert(hardState.commit >= before.commit, `commit ${hardState.commit} < ${before.commit}`);
    this.#hardState = hardState;
    if (snapshot !== undefined) {
      const { index } = this.#snapshots.newest;
      assert(index >= snapshot.index, `restart behind ${snapshot.index}, saved is ${index}`);
      assert(snapshot.index > before.commit, `restart behind ${snapshot.index} < ${before.commit}`);
      records.push(restartRecord(snapshot));
      this.#askedEnd = snapshot;
    }
    for (const entry of entries) {
      const { index } = this.#askedEnd;
      assert(entry.index <= index + 1, `entry ${entry.index} behind the end ${index}`);
      assert(
        entry.index > before.commit,
        `entry ${entry.index} replaces one up to ${before.commit}`,
      );
      records.push(entryRecord(entry));
      this.#askedEnd = entry;
    }
  }

  #submit(job: Job): void {
    if (this.#failure !== undefined) return job.done(this.#failure);
    this.#jobs.push(job);
    this.#flush();
  }

  #flush(): void {
    if (this.#flushing || this.#waiting !== undefined || this.#jobs.length === 0) return;
    const jobs = this.#jobs;
    this.#jobs = [];
    const hardState = this.#hardState;
    const records = [hardStateRecord(hardState), ...jobs.flatMap((job) => job.records)];
    this.#write({ jobs, records, hardState });
  }

  #write(flush: Flush): void {
    const { jobs, records, hardState } = flush;
    this.#flushing = true;
    this.#segments.append({ records, before: this.#end }, (error, segment) => {
      this.#flushing = false;
      if (error?.code === "no-space" && this.#closing === undefined) {
        this.#noSpace(error);
        this.#waiting = flush;
        this.#lookAtSpace();
        return;
      }
      if (error !== undefined) this.#poison(diskFailure("write the Raft log", error));
      else this.#flushed(segment, hardState, records);
      this.#lookAtSpace();
      for (const job of jobs) job.done(this.#failure);
      this.#flush();
      this.#settle();
    });
  }

  #flushed(segment: number, hardState: HardState, records: readonly LogRecord[]): void {
    const { metrics } = this.#options;
    this.#written = hardState;
    this.#retention.batchWritten(segment, records);
    this.#countSegments();
    let entries = 0;
    for (const record of records) {
      this.#end = positionAfter(this.#end, record);
      if (record.type === TYPE_ENTRY) entries += 1;
    }
    metrics.count("skein_wal_entries_total", entries);
    // A restart leaves nothing that counts in the segments before it.
    if (records.some((record) => record.type === TYPE_RESTART)) this.#keepLess(1);
  }

  /** W9. */
  #poison(error: StorageError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error.message;
    this.#options.metrics.count("skein_wal_failures_total");
    this.#options.log.write("error", "the log cannot be used any more", { reason: error.message });
    const jobs = this.#jobs;
    this.#jobs = [];
    for (const job of jobs) job.done(error.message);
  }

  #spareFailed(error: DiskError): void {
    if (error.code !== "no-space") {
      return this.#poison(diskFailure("prepare the next segment of the log", error));
    }
    this.#noSpace(error);
  }

  #noSpace(error: DiskError): void {
    this.#options.metrics.count("skein_wal_no_space_total");
    if (this.#space !== "enough") return;
    const reason = error.message;
    this.#options.log.write("warn", "no space for the next part of the log", { reason });
  }

  #lookAtSpace(): void {
    const short = this.#segments.isShort ? "short" : "enough";
    const space = this.#waiting === undefined ? short : "none";
    if (space === this.#space) return;
    this.#space = space;
    this.#spaceChanged(space);
  }

  #keepLess(from: number): void {
    this.#keepFrom = Math.max(this.#keepFrom, from);
    this.#drop();
  }

  #drop(): void {
    if (this.#dropping || this.#failure !== undefined) return;
    const sequence = this.#retention.droppable(logIndex(this.#keepFrom));
    if (sequence === undefined) return;
    this.#dropping = true;
    // One after the other, each durable: a gap in the sequence is corruption (W1).
    this.#files.remove(segmentName(sequence), (error) => {
      if (error !== undefined) return this.#dropFailed(diskFailure("remove a segment", error));
      this.#files.syncNames((unsynced) => {
        if (unsynced !== undefined)
          return this.#dropFailed(diskFailure("remove a segment", unsynced));
        this.#retention.dropped(sequence);
        this.#dropping = false;
        this.#countSegments();
        this.#drop();
        this.#settle();
      });
    });
  }

  #dropFailed(error: StorageError): void {
    this.#dropping = false;
    this.#poison(error);
    this.#settle();
  }

  #countSegments(): void {
    this.#options.metrics.gauge("skein_wal_segments", this.#retention.count);
  }

  /** When closing and nothing is under way: one last batch, then the files. */
  #settle(): void {
    const done = this.#closing;
    if (done === undefined || this.#flushing || this.#dropping || this.#snapshots.busy) return;
    if (this.#jobs.length > 0) return;
    if (!this.#lastBatchAsked) {
      this.#lastBatchAsked = true;
      // The last batch before it is then provably whole, and the commit index is known at once.
      if (this.#failure === undefined) return this.#submit({ records: [], done: () => undefined });
    }
    this.#closing = () => undefined;
    this.#segments.close(done);
  }
}

function sameVote(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.votedFor === b.votedFor;
}
