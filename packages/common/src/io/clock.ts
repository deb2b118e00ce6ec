import type { Instant, WallTime } from "../time.ts";

/** A call that is due later. */
export interface Timer {
  /** Idempotent. After it the callback is not called. */
  cancel(): void;
}

/**
 * Time as a port. Real: `node/system-clock.ts`. Simulated: a virtual event heap. A real timer that
 * fires late lets the sockets be read first, so that a stalled process does not take unread
 * heartbeats for silence.
 */
export interface Clock {
  now(): Instant;
  wall(): WallTime;
  /** Calls `what` once, not before `delayMs` have passed. Never calls synchronously. */
  after(delayMs: number, what: () => void): Timer;
}
