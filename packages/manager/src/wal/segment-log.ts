/**
 * Appends batches to the segment in use: one synced write each, never two at a time, so that a
 * batch on disk proves the one before durable. A full segment is followed by the spare one; header
 * and first batch of a segment are one write.
 *
 * A batch that found no space is appended again by the caller, the same one: it goes to the same
 * place, over whatever the first attempt left there, so that a segment never holds the remains of a
 * batch that another segment has. Rewriting makes every page of it dirty again, so the sync that
 * covers it then does not lie.
 */
import { assert, must } from "@skein/common/assert";
import type { Clock } from "@skein/common/io/clock";
import type { DiskError, DiskFile } from "@skein/common/io/disk";
import type { Metrics } from "@skein/common/io/metrics";
import type { Random } from "@skein/common/io/random";
import { WAL_RESERVE_BYTES } from "../limits.ts";
import { BatchEncoder, batchBytes } from "./batch.ts";
import { align, FILE_HEADER_BYTES, SECTOR_BYTES } from "./layout.ts";
import type { LogFiles } from "./log-files.ts";
import type { LogPosition, LogRecord } from "./record.ts";
import { encodeSegmentHeader, segmentName } from "./segment.ts";
import { SpareSegment } from "./spare-segment.ts";

export interface SegmentLogOptions {
  readonly files: LogFiles;
  readonly segmentBytes: number;
  readonly random: Random;
  readonly clock: Clock;
  /** Milliseconds with their fraction, for the times of writes; absent: the clock's. */
  readonly stopwatch?: () => number;
  readonly metrics: Metrics;
  /** The next segment could not be prepared in the background. */
  readonly spareFailed: (error: DiskError) => void;
  /** A preparation of the next segment ended, well or not. */
  readonly spareEnded: () => void;
}

export interface LogBatch {
  readonly records: readonly LogRecord[];
  /** Where the log ends before it. */
  readonly before: LogPosition;
}

/** What a new segment continues. */
export interface SegmentTail {
  readonly sequence: number;
  readonly salt: number;
  /** Number of the first batch to write. */
  readonly nextBatch: number;
}

/** Called with the sequence of the segment that holds the batch. */
type Appended = (error: DiskError | undefined, segment: number) => void;

interface OpenSegment {
  readonly file: DiskFile;
  readonly sequence: number;
  readonly salt: number;
  /** Bytes that were zero-filled; writing behind makes the file grow. */
  readonly prepared: number;
  /** Where the next batch goes. */
  end: number;
  /** A batch was begun behind `end` and found no space: the next one must be the same. */
  isBegun: boolean;
  /** The same of the segment behind it: nothing more goes into this one. */
  isLeft: boolean;
}

/** Salts are not zero, so that zeros are never taken for a record. */
const SALTS = 2 ** 32 - 1;

export class SegmentLog {
  readonly #options: SegmentLogOptions;
  readonly #encoder: BatchEncoder;
  readonly #spare: SpareSegment;
  #tail: SegmentTail;
  #segment: OpenSegment | undefined;
  #writing = false;

  constructor(options: SegmentLogOptions, tail: SegmentTail) {
    const { files, segmentBytes, spareFailed: failed, spareEnded: ended } = options;
    this.#options = options;
    this.#encoder = new BatchEncoder(files.crc32);
    this.#spare = new SpareSegment({ files, segmentBytes, failed, ended });
    this.#tail = tail;
  }

  /** The disk had no room for the next segment, and this one has little left. */
  get isShort(): boolean {
    const { prepared, end } = this.#segment ?? { prepared: 0, end: 0 };
    const reserve = Math.min(WAL_RESERVE_BYTES, this.#options.segmentBytes / 8);
    return this.#spare.isRefused && !this.#spare.ready && prepared - end < reserve;
  }

  retrySpare(): void {
    this.#spare.retry(this.#tail.sequence + 1);
  }

  /**
   * Begins a segment of its own with this batch. It is not zero-filled: opening must not take long.
   */
  start(batch: LogBatch, done: Appended): void {
    const { files } = this.#options;
    const sequence = this.#tail.sequence + 1;
    files.replace(segmentName(sequence), "create-synced", (error, file) => {
      if (error !== undefined) return done(error, sequence);
      const segment = this.#newSegment(file, 0);
      this.#write(segment, batch, (failed) => {
        if (failed !== undefined) return file.close(() => done(failed, sequence));
        files.syncNames((unnamed) => {
          // Not earlier: a spare on disk must prove that its predecessor is there (W3).
          if (unnamed === undefined) this.#spare.prepare(sequence + 1);
          done(unnamed, sequence);
        });
      });
    });
  }

  append(batch: LogBatch, done: Appended): void {
    const segment = must(this.#segment, "the first segment");
    const appended: Appended = (error, sequence) => {
      if (error === undefined) this.#spare.prepare(sequence + 1);
      done(error, sequence);
    };
    if (this.#fits(segment, batchBytes(batch.records))) this.#write(segment, batch, appended);
    else this.#rotate(segment, batch, appended);
  }

  /** No batch may be under way. */
  close(done: () => void): void {
    this.#spare.close(() => {
      if (this.#segment === undefined) done();
      else this.#segment.file.close(done);
    });
  }

  #fits(segment: OpenSegment, bytes: number): boolean {
    const end = segment.end + bytes;
    if (segment.isBegun || (end <= segment.prepared && !segment.isLeft)) return true;
    // Not prepared, as after opening: it may grow until the spare is ready.
    return !segment.isLeft && end <= this.#options.segmentBytes && !this.#spare.ready;
  }

  #rotate(old: OpenSegment, batch: LogBatch, done: Appended): void {
    const sequence = old.sequence + 1;
    this.#spare.take(sequence, (error, file) => {
      if (error !== undefined) return done(error, sequence);
      const segment = this.#newSegment(file, this.#options.segmentBytes);
      this.#write(segment, batch, (failed) => {
        old.isLeft = failed !== undefined;
        // What it holds is durable: how its closing goes changes nothing.
        const left = failed === undefined ? old.file : file;
        left.close(() => done(failed, sequence));
      });
    });
  }

  #newSegment(file: DiskFile, prepared: number): OpenSegment {
    const salt = 1 + this.#options.random.below(SALTS);
    return {
      file,
      sequence: this.#tail.sequence + 1,
      salt,
      prepared,
      end: 0,
      isBegun: false,
      isLeft: false,
    };
  }

  #write(segment: OpenSegment, batch: LogBatch, done: Appended): void {
    assert(!this.#writing, `two batches at a time: ${this.#tail.nextBatch}`);
    this.#writing = true;
    const { nextBatch } = this.#tail;
    const stamp = { salt: segment.salt, batch: nextBatch };
    const prefix = segment.end === 0 ? this.#header(segment, batch) : undefined;
    const { records } = batch;
    const bytes = this.#encoder.encode({ stamp, records, ...(prefix && { prefix }) });
    const end = segment.end + bytes.length;
    const { clock, metrics, stopwatch = () => clock.now() } = this.#options;
    const began = stopwatch();
    segment.file.write(segment.end, bytes, (error) => {
      metrics.observeMs("skein_wal_sync_seconds", stopwatch() - began);
      this.#writing = false;
      segment.isBegun = error?.code === "no-space";
      if (error === undefined) this.#written(segment, end, bytes.length);
      done(error, segment.sequence);
    });
  }

  #header(segment: OpenSegment, batch: LogBatch): Uint8Array {
    const { sequence, salt } = segment;
    const header = encodeSegmentHeader(this.#options.files.owner, {
      sequence,
      salt,
      firstBatch: this.#tail.nextBatch,
      previousIndex: batch.before.index,
      previousTerm: batch.before.term,
      previousSalt: this.#tail.salt,
    });
    assert(header.length === FILE_HEADER_BYTES, `segment header of ${header.length} bytes`);
    return header;
  }

  #written(segment: OpenSegment, end: number, bytes: number): void {
    const { sequence, salt } = segment;
    segment.end = align(end, SECTOR_BYTES);
    this.#segment = segment;
    this.#tail = { sequence, salt, nextBatch: this.#tail.nextBatch + 1 };
    this.#options.metrics.count("skein_wal_batches_total");
    this.#options.metrics.count("skein_wal_written_bytes_total", bytes);
  }
}
