/**
 * Records: what a batch of the log is made of.
 *
 * A record is 48 bytes of header and its payload, padded to 8. Header and payload have a checksum
 * each: a damaged payload still tells which entry it was. Header fields, little-endian:
 *
 *    0 u32 sum of bytes 4-47      16 u16 type           24 u64 index
 *    4 u32 sum of the payload     18 u16 entry kind     32 u64 term
 *    8 u32 payload length         20 u32 zero           40 u64 batch
 *   12 u32 salt
 *
 * Salt (the segment's) and batch tell a record from bytes that happen to lie there.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex, RaftId, Term } from "@skein/common/ids";
import { logIndex, term } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { decode, encode } from "@skein/common/wire/codec";
import type { Crc32 } from "@skein/common/wire/crc32";
import { crc32Range } from "@skein/common/wire/crc32";
import { decodeWith, id } from "@skein/common/wire/schema";
import type { Entry, HardState, SnapshotMeta } from "../raft/protocol.ts";
import { snapshotMetaSchema } from "../raft/protocol.ts";
import { align, getU64, setU64 } from "./layout.ts";

export const RECORD_HEADER_BYTES = 48;
export const RECORD_ALIGNMENT = 8;

export const TYPE_HARD_STATE = 1;
export const TYPE_ENTRY = 2;
/** A snapshot file is durable; the log stays. */
export const TYPE_SNAPSHOT_MARK = 3;
/**
 * The log is empty and continues behind this snapshot. At index 0: the configuration it began with.
 */
export const TYPE_RESTART = 4;
/** Index: bytes of the batch before it. Term: its records. Payload sum: over their header sums. */
export const TYPE_BATCH_END = 5;

const ENTRY_KINDS: readonly Entry["kind"][] = ["command", "config", "noop"];
const nothing = new Uint8Array(0);

/** A record as bytes see it. */
export interface LogRecord {
  readonly type: number;
  readonly entryKind: number;
  readonly index: number;
  readonly term: number;
  readonly payload: Uint8Array;
}

/** A record as Raft sees it. */
export type LogFact =
  | { readonly kind: "hard-state"; readonly hardState: HardState }
  | { readonly kind: "entry"; readonly entry: Entry }
  | { readonly kind: "snapshot-mark"; readonly meta: SnapshotMeta }
  | { readonly kind: "restart"; readonly meta: SnapshotMeta };

/** Where a log ends. */
export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

/** What ties a record to its place. */
export interface Stamp {
  readonly salt: number;
  readonly batch: number;
}

export function entryRecord(entry: Entry): LogRecord {
  const entryKind = ENTRY_KINDS.indexOf(entry.kind);
  assert(entryKind >= 0, `entry kind ${entry.kind}`);
  const { index, data: payload } = entry;
  return { type: TYPE_ENTRY, entryKind, index, term: entry.term, payload };
}

export function hardStateRecord(state: HardState): LogRecord {
  const vote = state.votedFor;
  const payload = vote === undefined ? nothing : new TextEncoder().encode(vote);
  return { type: TYPE_HARD_STATE, entryKind: 0, index: state.commit, term: state.term, payload };
}

export function markRecord(meta: SnapshotMeta): LogRecord {
  return metaRecord(TYPE_SNAPSHOT_MARK, meta);
}

export function restartRecord(meta: SnapshotMeta): LogRecord {
  return metaRecord(TYPE_RESTART, meta);
}

/** Reads what the checksums found undamaged. A failure means it was written by something else. */
export function factOf(record: LogRecord): Result<LogFact, string> {
  switch (record.type) {
    case TYPE_HARD_STATE:
      return hardStateOf(record);
    case TYPE_ENTRY:
      return entryOf(record);
    case TYPE_SNAPSHOT_MARK:
      return metaOf("snapshot-mark", record);
    case TYPE_RESTART:
      return metaOf("restart", record);
    default:
      return fail(`record type ${record.type} is unknown`);
  }
}

/** The log's end after `record`. */
export function positionAfter(before: LogPosition, record: LogRecord): LogPosition {
  if (record.type !== TYPE_ENTRY && record.type !== TYPE_RESTART) return before;
  return { index: logIndex(record.index), term: term(record.term) };
}

export function recordBytes(record: LogRecord): number {
  return RECORD_HEADER_BYTES + align(record.payload.length, RECORD_ALIGNMENT);
}

export interface RecordPlace {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: number;
}

export interface RecordSeal {
  readonly stamp: Stamp;
  /** The batch-end record carries a sum of its own in place of its payload's. */
  readonly payloadSum: number;
}

export function writeRecord(place: RecordPlace, record: LogRecord, seal: RecordSeal): void {
  const { bytes, view, at } = place;
  const { payload } = record;
  const end = at + RECORD_HEADER_BYTES + payload.length;
  view.setUint32(at + 4, seal.payloadSum, true);
  view.setUint32(at + 8, payload.length, true);
  view.setUint32(at + 12, seal.stamp.salt, true);
  view.setUint16(at + 16, record.type, true);
  view.setUint16(at + 18, record.entryKind, true);
  view.setUint32(at + 20, 0, true);
  setU64(view, at + 24, record.index);
  setU64(view, at + 32, record.term);
  setU64(view, at + 40, seal.stamp.batch);
  bytes.set(payload, at + RECORD_HEADER_BYTES);
  bytes.fill(0, end, at + recordBytes(record));
  view.setUint32(at, headerSum(bytes, at), true);
}

/** A record found at its place. */
export interface FoundRecord {
  readonly stamp: Stamp;
  readonly headerSum: number;
  readonly payloadSum: number;
  readonly payloadSumIsRight: boolean;
  readonly record: LogRecord;
  readonly end: number;
}

/** Undefined: there is no record with a right header here. The payload is a view. */
export function readRecord(place: RecordPlace, crc32: Crc32): FoundRecord | undefined {
  const { bytes, view, at } = place;
  const stamp = readStamp(place);
  if (stamp === undefined) return undefined;
  const from = at + RECORD_HEADER_BYTES;
  const payload = bytes.subarray(from, from + view.getUint32(at + 8, true));
  if (from + view.getUint32(at + 8, true) > bytes.length) return undefined;
  const record = {
    type: view.getUint16(at + 16, true),
    entryKind: view.getUint16(at + 18, true),
    index: getU64(view, at + 24),
    term: getU64(view, at + 32),
    payload,
  };
  const payloadSum = view.getUint32(at + 4, true);
  const payloadSumIsRight = payloadSum === sumOf(payload, crc32);
  const headerSum = view.getUint32(at, true);
  return { stamp, headerSum, payloadSum, payloadSumIsRight, record, end: at + recordBytes(record) };
}

/** The stamp of a record header, if there is a right one here. */
export function readStamp(place: RecordPlace): Stamp | undefined {
  const { bytes, view, at } = place;
  if (at + RECORD_HEADER_BYTES > bytes.length) return undefined;
  if (view.getUint32(at, true) !== headerSum(bytes, at)) return undefined;
  return { salt: view.getUint32(at + 12, true), batch: getU64(view, at + 40) };
}

export function sumOf(payload: Uint8Array, crc32: Crc32): number {
  return payload.length === 0 ? 0 : crc32(payload);
}

function headerSum(bytes: Uint8Array, at: number): number {
  return crc32Range(bytes, { from: at + 4, to: at + RECORD_HEADER_BYTES });
}

function metaRecord(type: number, meta: SnapshotMeta): LogRecord {
  const { index } = meta;
  return { type, entryKind: 0, index, term: meta.term, payload: encode(meta) };
}

const voteSchema = id<RaftId>();

function hardStateOf(record: LogRecord): Result<LogFact, string> {
  const state = { term: term(record.term), commit: logIndex(record.index) };
  if (record.payload.length === 0) return ok({ kind: "hard-state", hardState: state });
  const vote = decodeWith(voteSchema, new TextDecoder().decode(record.payload));
  if (!vote.ok) return fail(`the vote is not an id: ${vote.error.reason}`);
  return ok({ kind: "hard-state", hardState: { ...state, votedFor: vote.value } });
}

function entryOf(record: LogRecord): Result<LogFact, string> {
  const kind = ENTRY_KINDS[record.entryKind];
  if (kind === undefined) return fail(`entry kind ${record.entryKind} is unknown`);
  // A copy: a view would keep the whole segment in memory.
  const data = record.payload.slice();
  const entry = { index: logIndex(record.index), term: term(record.term), kind, data };
  return ok({ kind: "entry", entry });
}

function metaOf(kind: "snapshot-mark" | "restart", record: LogRecord): Result<LogFact, string> {
  const meta = decode(snapshotMetaSchema, record.payload);
  if (!meta.ok) return fail(`the snapshot's metadata: ${meta.error.reason}`);
  return ok({ kind, meta: meta.value });
}
