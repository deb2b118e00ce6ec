/**
 * A batch is what one sync makes durable: records and the batch-end that makes them count. All of
 * it is there after a crash, or none: without its batch-end, or with any sum wrong, a batch never
 * happened.
 */
import type { Crc32 } from "@skein/common/wire/crc32";
import { crc32Range } from "@skein/common/wire/crc32";
import { WAL_SCRATCH_BYTES } from "../limits.ts";
import { viewOf } from "./layout.ts";
import type { FoundRecord, LogRecord, Stamp } from "./record.ts";
import {
  RECORD_HEADER_BYTES,
  readRecord,
  recordBytes,
  sumOf,
  TYPE_BATCH_END,
  writeRecord,
} from "./record.ts";

export interface BatchFrame {
  readonly stamp: Stamp;
  readonly records: readonly LogRecord[];
  /** The header of a segment that begins with this batch. */
  readonly prefix?: Uint8Array;
}

export function batchBytes(records: readonly LogRecord[]): number {
  let bytes = RECORD_HEADER_BYTES;
  for (const record of records) bytes += recordBytes(record);
  return bytes;
}

export class BatchEncoder {
  readonly #crc32: Crc32;
  #scratch = new Uint8Array(0);

  constructor(crc32: Crc32) {
    this.#crc32 = crc32;
  }

  /** One buffer for one write. It is valid until the next call. */
  encode(frame: BatchFrame): Uint8Array {
    const { records, stamp, prefix } = frame;
    const start = prefix?.length ?? 0;
    const length = start + batchBytes(records);
    const bytes = this.#buffer(length);
    const view = viewOf(bytes);
    if (prefix !== undefined) bytes.set(prefix);
    let at = start;
    let sum = 0;
    for (const record of records) {
      const payloadSum = sumOf(record.payload, this.#crc32);
      writeRecord({ bytes, view, at }, record, { stamp, payloadSum });
      sum = crc32Range(bytes, { from: at, to: at + 4, seed: sum });
      at += recordBytes(record);
    }
    const end = batchEnd(at - start, records.length);
    writeRecord({ bytes, view, at }, end, { stamp, payloadSum: sum });
    return bytes.subarray(0, length);
  }

  /** Grows in doubles, so that a small log holds little memory. */
  #buffer(length: number): Uint8Array {
    if (length > WAL_SCRATCH_BYTES) return new Uint8Array(length);
    if (length > this.#scratch.length) {
      const doubled = Math.min(Math.max(length, this.#scratch.length * 2), WAL_SCRATCH_BYTES);
      this.#scratch = new Uint8Array(doubled);
    }
    return this.#scratch;
  }
}

export interface FoundBatch {
  readonly batch: number;
  readonly start: number;
  readonly end: number;
  readonly records: readonly LogRecord[];
}

export type BatchReading =
  | { readonly ok: true; readonly batch: FoundBatch }
  /** `what` completes "… at byte N". */
  | { readonly ok: false; readonly at: number; readonly what: string };

/** Reads the batch that `stamp` says must begin at `start`. */
export function readBatch(
  source: { readonly bytes: Uint8Array; readonly crc32: Crc32 },
  start: number,
  stamp: Stamp,
): BatchReading {
  const { bytes, crc32 } = source;
  const view = viewOf(bytes);
  const records: LogRecord[] = [];
  let at = start;
  let sum = 0;
  for (;;) {
    const found = readRecord({ bytes, view, at }, crc32);
    if (found === undefined || !sameStamp(found.stamp, stamp)) {
      return { ok: false, at, what: `no record of batch ${stamp.batch}` };
    }
    if (found.record.type === TYPE_BATCH_END) {
      if (!endsBatch(found, { bytes: at - start, records: records.length, sum })) {
        return { ok: false, at, what: `a wrong end of batch ${stamp.batch}` };
      }
      return { ok: true, batch: { batch: stamp.batch, start, end: found.end, records } };
    }
    if (!found.payloadSumIsRight) return { ok: false, at, what: `a damaged ${name(found.record)}` };
    records.push(found.record);
    sum = crc32Range(bytes, { from: at, to: at + 4, seed: sum });
    at = found.end;
  }
}

function batchEnd(bytes: number, records: number): LogRecord {
  const payload = new Uint8Array(0);
  return { type: TYPE_BATCH_END, entryKind: 0, index: bytes, term: records, payload };
}

function endsBatch(
  found: FoundRecord,
  expected: { readonly bytes: number; readonly records: number; readonly sum: number },
): boolean {
  const { record, payloadSum } = found;
  if (record.index !== expected.bytes || record.term !== expected.records) return false;
  return payloadSum === expected.sum && record.payload.length === 0;
}

function sameStamp(a: Stamp, b: Stamp): boolean {
  return a.salt === b.salt && a.batch === b.batch;
}

function name(record: LogRecord): string {
  return `record (index ${record.index}, term ${record.term})`;
}
