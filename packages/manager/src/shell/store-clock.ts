/**
 * Store time: the newest committed time that was applied here, plus the monotonic time since. Every
 * manager counts, so that a deadline does not begin anew with each leader of a cluster in which
 * nothing is written: what a leader decides by is its own count.
 *
 * Invariants:
 *   C1. It never goes back, and never jumps with a wall clock.
 *   C2. It is never ahead of the time that has really passed: each count is a time some leader had
 *       come to, and what this process has seen pass since.
 */
import type { Clock } from "@skein/common/io/clock";
import type { Instant, StoreTime } from "@skein/common/time";
import { instant, storeTime } from "@skein/common/time";

export class StoreClock {
  readonly #clock: Clock;
  #base: StoreTime;
  #since: Instant;

  constructor(clock: Clock, base: StoreTime) {
    this.#clock = clock;
    this.#base = base;
    this.#since = clock.now();
  }

  now(): StoreTime {
    return storeTime(Math.floor(this.#base + (this.#clock.now() - this.#since)));
  }

  /** An entry of this time was applied. One that is behind the count changes nothing (C1). */
  applied(time: StoreTime): void {
    if (time <= this.now()) return;
    this.#base = time;
    this.#since = this.#clock.now();
  }

  /** The instant at which store time will be `at`. */
  instantOf(at: StoreTime): Instant {
    return instant(this.#since + (at - this.#base));
  }
}
