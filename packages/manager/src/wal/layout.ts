/**
 * What all files of the log have in common: little-endian numbers, and a header of one sector with
 * format version, owner and six numbers. docs/design/wal.md draws it.
 *
 * The first 16 bytes (magic, version, their sum) mean the same in every version, so that an unknown
 * version is told apart from damage.
 */
import { assert } from "@skein/common/assert";
import type { ClusterId, RaftId } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { crc32Range } from "@skein/common/wire/crc32";
import type { StorageError } from "./storage-error.ts";

export const FORMAT_VERSION = 1;
/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;
export const FILE_HEADER_BYTES = SECTOR_BYTES;

const MAGIC = { segment: 0x4c4f474e, snapshot: 0x534e4150 } as const;
const MAGIC_PREFIX = 0x534b4549;
const NUMBERS_AT = 24;
const NUMBERS = 6;
const CLUSTER_AT = 128;
const RAFT_AT = 256;
const ID_BYTES_MAX = 64;

export type FileKind = keyof typeof MAGIC;

/** Whose log it is: a copied or exchanged directory is refused. */
export interface LogOwner {
  readonly clusterId: ClusterId;
  readonly raftId: RaftId;
}

export interface FileHeader {
  readonly owner: { readonly clusterId: string; readonly raftId: string };
  readonly numbers: readonly number[];
}

export function encodeFileHeader(
  kind: FileKind,
  owner: LogOwner,
  numbers: readonly number[],
): Uint8Array {
  assert(numbers.length <= NUMBERS, `${numbers.length} numbers in a file header`);
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC_PREFIX, true);
  view.setUint32(4, MAGIC[kind], true);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, crc32Range(bytes, { from: 0, to: 12 }), true);
  for (const [place, number] of numbers.entries()) setU64(view, NUMBERS_AT + place * 8, number);
  writeText(bytes, CLUSTER_AT, owner.clusterId);
  writeText(bytes, RAFT_AT, owner.raftId);
  view.setUint32(16, crc32Range(bytes, { from: 20, to: FILE_HEADER_BYTES }), true);
  return bytes;
}

/** Undefined: there is no header of this kind, or a damaged one. */
export function readFileHeader(
  kind: FileKind,
  file: string,
  bytes: Uint8Array,
): Result<FileHeader | undefined, StorageError> {
  if (bytes.length < FILE_HEADER_BYTES) return ok(undefined);
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== MAGIC_PREFIX) return ok(undefined);
  if (view.getUint32(4, true) !== MAGIC[kind]) return ok(undefined);
  if (view.getUint32(12, true) !== crc32Range(bytes, { from: 0, to: 12 })) return ok(undefined);
  const version = view.getUint32(8, true);
  if (version !== FORMAT_VERSION) {
    const reason = `it has format ${version}, this version of Skein reads format ${FORMAT_VERSION}`;
    return fail({ code: "version", message: `Cannot read ${file}: ${reason}` });
  }
  const sum = crc32Range(bytes, { from: 20, to: FILE_HEADER_BYTES });
  if (view.getUint32(16, true) !== sum) return ok(undefined);
  const numbers = Array.from({ length: NUMBERS }, (_, n) => getU64(view, NUMBERS_AT + n * 8));
  const owner = { clusterId: readText(bytes, CLUSTER_AT), raftId: readText(bytes, RAFT_AT) };
  return ok({ owner, numbers });
}

/** Refuses the files of another cluster or member. */
export function checkOwner(
  file: string,
  found: FileHeader["owner"],
  owner: LogOwner,
): StorageError | undefined {
  if (found.clusterId !== owner.clusterId) {
    const reason = `it belongs to cluster ${found.clusterId}, this manager to ${owner.clusterId}`;
    return { code: "wrong-cluster", message: `Cannot use ${file}: ${reason}` };
  }
  if (found.raftId !== owner.raftId) {
    const reason = `it belongs to Raft member ${found.raftId}, this manager is ${owner.raftId}`;
    return { code: "wrong-raft-id", message: `Cannot use ${file}: ${reason}` };
  }
  return undefined;
}

export function align(position: number, to: number): number {
  return Math.ceil(position / to) * to;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const WORD = 2 ** 32;

export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % WORD, true);
  view.setUint32(at + 4, Math.floor(value / WORD), true);
}

export function getU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * WORD + view.getUint32(at, true);
}

/** Only zeros from `from` on, or nothing. */
export function isBlank(bytes: Uint8Array, from: number): boolean {
  const view = viewOf(bytes);
  let at = from;
  while (at % 4 !== 0 && at < bytes.length && bytes[at] === 0) at += 1;
  while (at + 4 <= bytes.length && view.getUint32(at, true) === 0) at += 4;
  while (at < bytes.length && bytes[at] === 0) at += 1;
  return at >= bytes.length;
}

function writeText(bytes: Uint8Array, at: number, text: string): void {
  const encoded = new TextEncoder().encode(text);
  assert(encoded.length <= ID_BYTES_MAX, `id of ${encoded.length} bytes`);
  bytes[at] = encoded.length;
  bytes.set(encoded, at + 1);
}

function readText(bytes: Uint8Array, at: number): string {
  const length = Math.min(bytes[at] ?? 0, ID_BYTES_MAX);
  return new TextDecoder().decode(bytes.subarray(at + 1, at + 1 + length));
}
