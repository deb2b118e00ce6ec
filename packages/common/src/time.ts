/** The three clocks of the system, kept apart by brand. All are milliseconds. */
import type { Brand } from "./ids.ts";

/** Monotonic time of one process; never compared between processes, never stored. */
export type Instant = Brand<number, "Instant">;
/**
 * Replicated time: integer, only forward, lives in commands and deadlines (docs/design/store.md).
 */
export type StoreTime = Brand<number, "StoreTime">;
/** Milliseconds since 1970: for display, certificates and cron alone; never decides anything. */
export type WallTime = Brand<number, "WallTime">;

export const instant = (milliseconds: number): Instant => milliseconds as Instant;
export const storeTime = (milliseconds: number): StoreTime => milliseconds as StoreTime;
export const wallTime = (milliseconds: number): WallTime => milliseconds as WallTime;

export function later(from: Instant, milliseconds: number): Instant {
  return instant(from + milliseconds);
}
export function storeLater(from: StoreTime, milliseconds: number): StoreTime {
  return storeTime(from + milliseconds);
}

/** The earlier of two optional deadlines. */
export function earliest(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  if (a === undefined) return b;
  return b === undefined || a <= b ? a : b;
}
