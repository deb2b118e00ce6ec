/**
 * Where a bounded output begins. What is older was given back to the file system as a hole at the
 * front (log-keeper.ts), which reads as zeros: positions, and with them the times, stay as they
 * were. A program that itself begins its output with pages of zeros loses those.
 *
 * Invariants:
 *   B1. Bytes are zeros up to the beginning, in whole blocks; so halving finds it.
 */
import type { DiskFile } from "@skein/common/io/disk";

/** Holes are made of whole blocks of the file system: never of less. */
export const HOLE_BLOCK_BYTES = 4096;

/** The first position that may hold output; 0 of a file that was never cut. */
export function findStart(file: DiskFile, done: (start: number) => void): void {
  file.size((error, size) => {
    if (error !== undefined) return done(0);
    halve(file, { low: 0, high: Math.ceil(size / HOLE_BLOCK_BYTES) }, done);
  });
}

interface Span {
  /** Blocks before it are hole. */
  readonly low: number;
  /** This block holds output, or is behind the end. */
  readonly high: number;
}

function halve(file: DiskFile, { low, high }: Span, done: (start: number) => void): void {
  if (low >= high) return done(low * HOLE_BLOCK_BYTES);
  // The first block tells at once of a file that was never cut, as most are.
  const middle = low === 0 ? 0 : Math.floor((low + high) / 2);
  file.read(middle * HOLE_BLOCK_BYTES, HOLE_BLOCK_BYTES, (error, bytes) => {
    if (error !== undefined) return done(0);
    if (isHole(bytes)) halve(file, { low: middle + 1, high }, done);
    else halve(file, { low, high: middle }, done);
  });
}

/** Whole blocks of nothing but zeros: no program's line looks like that. */
export function isHole(bytes: Uint8Array): boolean {
  return bytes.length >= HOLE_BLOCK_BYTES && bytes.every((byte) => byte === 0);
}
