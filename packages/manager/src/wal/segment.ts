/**
 * Segment files: names, header, and what is found in one.
 *
 * A segment is zero-filled before its first use, begins with its header and holds batches, each at
 * the start of a sector, so that no acknowledged sector is ever written again (but by recovery, and
 * with the same bytes). It is never recycled.
 */
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Crc32 } from "@skein/common/wire/crc32";
import type { FoundBatch } from "./batch.ts";
import { readBatch } from "./batch.ts";
import type { LogOwner } from "./layout.ts";
import {
  align,
  checkOwner,
  encodeFileHeader,
  FILE_HEADER_BYTES,
  isBlank,
  readFileHeader,
  SECTOR_BYTES,
  viewOf,
} from "./layout.ts";
import { RECORD_ALIGNMENT, readStamp } from "./record.ts";
import type { StorageError } from "./storage-error.ts";

export interface SegmentHeader {
  /** Counts segments from 1; the name says the same. */
  readonly sequence: number;
  readonly firstBatch: number;
  /** Where the log ended before the first batch. */
  readonly previousIndex: number;
  readonly previousTerm: number;
  readonly salt: number;
  /** Salt of the segment before: 0 when there is none. */
  readonly previousSalt: number;
}

export interface Damage {
  /** The batch that should be here. */
  readonly batch: number;
  readonly what: string;
  /**
   * The newest batch of which a record was seen behind; at most `batch` when there is none later.
   */
  readonly newest: number;
}

export type SegmentContent =
  /** Nothing but zeros: prepared, never used. */
  | { readonly kind: "blank" }
  /** Something, but no header. */
  | { readonly kind: "headless"; readonly newest: number }
  | {
      readonly kind: "segment";
      readonly header: SegmentHeader;
      readonly batches: readonly FoundBatch[];
      /** Behind the last batch. */
      readonly end: number;
      readonly damage?: Damage;
    };

const NAME = /^(\d{10})\.wal$/;

export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(10, "0")}.wal`;
}

export function segmentSequence(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function encodeSegmentHeader(owner: LogOwner, header: SegmentHeader): Uint8Array {
  return encodeFileHeader("segment", owner, [
    header.sequence,
    header.firstBatch,
    header.previousIndex,
    header.previousTerm,
    header.salt,
    header.previousSalt,
  ]);
}

export interface SegmentSource {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly owner: LogOwner;
  readonly crc32: Crc32;
}

/**
 * Reads all of a segment. Fails for a file of another owner or format alone: damage is a finding.
 */
export function readSegment(source: SegmentSource): Result<SegmentContent, StorageError> {
  const { file, bytes } = source;
  const found = readFileHeader("segment", file, bytes);
  if (!found.ok) return found;
  if (found.value === undefined) return ok(withoutHeader(bytes));
  const foreign = checkOwner(file, found.value.owner, source.owner);
  if (foreign !== undefined) return fail(foreign);
  const [sequence = 0, firstBatch = 0, previousIndex = 0, previousTerm = 0, salt = 0, before = 0] =
    found.value.numbers;
  const previousSalt = before;
  const header = { sequence, firstBatch, previousIndex, previousTerm, salt, previousSalt };
  return ok(readBatches(source, header));
}

function readBatches(source: SegmentSource, header: SegmentHeader): SegmentContent {
  const { bytes } = source;
  const { salt } = header;
  const batches: FoundBatch[] = [];
  let at = FILE_HEADER_BYTES;
  for (;;) {
    const stamp = { salt, batch: header.firstBatch + batches.length };
    const reading = readBatch(source, at, stamp);
    if (reading.ok) {
      batches.push(reading.batch);
      at = align(reading.batch.end, SECTOR_BYTES);
      continue;
    }
    const content = { kind: "segment", header, batches, end: batches.at(-1)?.end ?? at } as const;
    if (batches.length > 0 && isBlank(bytes, at)) return content;
    const what = `${reading.what} at byte ${reading.at}`;
    const damage = { batch: stamp.batch, what, newest: newestBatch(bytes, at, salt) };
    return { ...content, damage };
  }
}

function withoutHeader(bytes: Uint8Array): SegmentContent {
  if (isBlank(bytes, 0)) return { kind: "blank" };
  return { kind: "headless", newest: newestBatch(bytes, 0) };
}

/**
 * The newest batch of which any record header is intact behind `from`; 0 when there is none. A
 * batch is written only after the one before is durable, so one that is newer than the damage
 * proves that what is damaged had been acknowledged.
 */
function newestBatch(bytes: Uint8Array, from: number, salt?: number): number {
  const view = viewOf(bytes);
  let newest = 0;
  let at = align(from, RECORD_ALIGNMENT);
  for (; at + 16 <= bytes.length; at += RECORD_ALIGNMENT) {
    const found = view.getUint32(at + 12, true);
    if (salt === undefined ? found === 0 : found !== salt) continue;
    const stamp = readStamp({ bytes, view, at });
    if (stamp !== undefined && stamp.batch > newest) newest = stamp.batch;
  }
  return newest;
}
