/**
 * Store time at the leader: the last committed time plus the leader's monotonic time since it took
 * office. It never goes back and never jumps with the wall clock; a new leader continues where the
 * log is.
 */
import type { Clock } from "@skein/common/io/clock";
import type { Instant, StoreTime } from "@skein/common/time";
import { instant, storeTime } from "@skein/common/time";

export class StoreClock {
  readonly #clock: Clock;
  readonly #base: StoreTime;
  readonly #since: Instant;

  constructor(clock: Clock, base: StoreTime) {
    this.#clock = clock;
    this.#base = base;
    this.#since = clock.now();
  }

  now(): StoreTime {
    return storeTime(Math.floor(this.#base + (this.#clock.now() - this.#since)));
  }

  /** The instant at which store time will be `at`. */
  instantOf(at: StoreTime): Instant {
    return instant(this.#since + (at - this.#base));
  }
}
