/**
 * The bytes of a snapshot file around the state: one header sector, then the state as it is, then
 * the trailer: metadata, a checksum for each chunk of the state, and a tail of 32 bytes that holds
 * the totals and a checksum of the trailer. A file without a right tail was never finished.
 *
 * Tail: 0 u64 state bytes, 8 u32 metadata bytes, 12 u32 chunk bytes, 16 u32 chunks, 20 u32 zero,
 * 24 u32 mark, 28 u32 sum over the trailer before it.
 */
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { decode, encode } from "@skein/common/wire/codec";
import { crc32Range } from "@skein/common/wire/crc32";
import { SNAPSHOT_FILE_CHUNK_BYTES } from "../limits.ts";
import type { SnapshotMeta } from "../raft/protocol.ts";
import { snapshotMetaSchema } from "../raft/protocol.ts";
import { FILE_HEADER_BYTES, getU64, setU64, viewOf } from "./layout.ts";

export const TAIL_BYTES = 32;
const TAIL_MARK = 0x454e4421;
const NAME = /^(\d{16})-(\d{16})\.snapshot$/;

export interface SnapshotName {
  readonly name: string;
  readonly index: number;
  readonly term: number;
}

/** Names sort as their indexes do. */
export function snapshotName(meta: SnapshotMeta): SnapshotName {
  const { index, term } = meta;
  return { name: `${digits(index)}-${digits(term)}.snapshot`, index, term };
}

export function parseSnapshotName(name: string): SnapshotName | undefined {
  const [, index, term] = NAME.exec(name) ?? [];
  return index === undefined ? undefined : { name, index: Number(index), term: Number(term) };
}

export function encodeTrailer(
  meta: SnapshotMeta,
  stateBytes: number,
  sums: readonly number[],
): Uint8Array {
  const metaBytes = encode(meta);
  const tailAt = metaBytes.length + sums.length * 4;
  const bytes = new Uint8Array(tailAt + TAIL_BYTES);
  const view = viewOf(bytes);
  bytes.set(metaBytes);
  for (const [place, sum] of sums.entries()) {
    view.setUint32(metaBytes.length + place * 4, sum, true);
  }
  setU64(view, tailAt, stateBytes);
  view.setUint32(tailAt + 8, metaBytes.length, true);
  view.setUint32(tailAt + 12, SNAPSHOT_FILE_CHUNK_BYTES, true);
  view.setUint32(tailAt + 16, sums.length, true);
  view.setUint32(tailAt + 24, TAIL_MARK, true);
  view.setUint32(tailAt + 28, crc32Range(bytes, { from: 0, to: tailAt + 28 }), true);
  return bytes;
}

export interface TrailerPlace {
  readonly at: number;
  readonly bytes: number;
}

/** Where the trailer is, from the last bytes of a file of this size. */
export function locateTrailer(tail: Uint8Array, fileBytes: number): TrailerPlace | undefined {
  if (tail.length !== TAIL_BYTES) return undefined;
  const view = viewOf(tail);
  if (view.getUint32(24, true) !== TAIL_MARK) return undefined;
  const bytes = view.getUint32(8, true) + view.getUint32(16, true) * 4 + TAIL_BYTES;
  const at = FILE_HEADER_BYTES + getU64(view, 0);
  return at + bytes === fileBytes ? { at, bytes } : undefined;
}

export interface Trailer {
  readonly meta: SnapshotMeta;
  readonly stateBytes: number;
  readonly chunkBytes: number;
  readonly sums: readonly number[];
}

/** Reads what `locateTrailer` found; the failure completes "it is damaged: …". */
export function readTrailer(bytes: Uint8Array): Result<Trailer, string> {
  const view = viewOf(bytes);
  const tailAt = bytes.length - TAIL_BYTES;
  if (tailAt < 0) return fail("its trailer is cut off");
  const sum = crc32Range(bytes, { from: 0, to: tailAt + 28 });
  if (view.getUint32(tailAt + 28, true) !== sum) return fail("its trailer has a wrong checksum");
  const metaBytes = view.getUint32(tailAt + 8, true);
  const meta = decode(snapshotMetaSchema, bytes.subarray(0, metaBytes));
  if (!meta.ok) return fail(`its metadata: ${meta.error.reason}`);
  const chunks = view.getUint32(tailAt + 16, true);
  const sums = Array.from({ length: chunks }, (_, n) => view.getUint32(metaBytes + n * 4, true));
  const stateBytes = getU64(view, tailAt);
  const chunkBytes = view.getUint32(tailAt + 12, true);
  if (chunkBytes === 0 || Math.ceil(stateBytes / chunkBytes) !== chunks) {
    return fail(`it has ${chunks} chunks of ${chunkBytes} bytes for ${stateBytes}`);
  }
  return ok({ meta: meta.value, stateBytes, chunkBytes, sums });
}

function digits(value: number): string {
  return String(value).padStart(16, "0");
}
