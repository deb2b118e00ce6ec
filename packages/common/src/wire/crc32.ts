/**
 * CRC-32 (IEEE 802.3, the one of zlib and PNG), four bytes a round. Pure, so that the simulator and
 * other engines get the same sums. On long inputs a real adapter may pass `zlib.crc32` instead,
 * which has the same signature; on inputs below about 200 bytes this one is faster than the call
 * into native code.
 */
export type Crc32 = (bytes: Uint8Array, seed?: number) => number;

const POLYNOMIAL = 0xedb88320;
/** Row k holds the sums of a byte followed by k zero bytes. */
const table = makeTable();

/** The sum of `bytes`, continued from `seed`, the sum of what came before. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return crc32Range(bytes, { from: 0, to: bytes.length, seed });
}

/** The sum of a part, without making a view of it. */
export function crc32Range(
  bytes: Uint8Array,
  range: { readonly from: number; readonly to: number; readonly seed?: number },
): number {
  let sum = ~(range.seed ?? 0);
  let at = range.from;
  // Indexes are masked to the table and bounded by `to`, so the lookups are never undefined.
  for (const end = range.to - 3; at < end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    const mixed = sum ^ word;
    sum =
      (table[768 + (mixed & 255)] as number) ^
      (table[512 + ((mixed >>> 8) & 255)] as number) ^
      (table[256 + ((mixed >>> 16) & 255)] as number) ^
      (table[mixed >>> 24] as number);
  }
  for (; at < range.to; at += 1) {
    sum = (sum >>> 8) ^ (table[(sum ^ (bytes[at] as number)) & 255] as number);
  }
  return ~sum >>> 0;
}

function makeTable(): Int32Array {
  const rows = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? POLYNOMIAL : 0);
    rows[byte] = sum;
  }
  for (let at = 256; at < rows.length; at += 1) {
    const shorter = rows[at - 256] as number;
    rows[at] = (shorter >>> 8) ^ (rows[shorter & 255] as number);
  }
  return rows;
}
