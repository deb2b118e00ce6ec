/**
 * Coalescing without delay for the first: what comes after a quiet time leaves at once, and what
 * follows within the pause leaves together at its end.
 */
import type { Instant } from "@skein/common/time";
import { instant, later } from "@skein/common/time";

export class Pace {
  readonly #pauseMs: number;
  #lastAt: Instant = instant(Number.NEGATIVE_INFINITY);

  constructor(pauseMs: number) {
    this.#pauseMs = pauseMs;
  }

  /** When the next flush may be. */
  dueAt(): Instant {
    return later(this.#lastAt, this.#pauseMs);
  }

  isDue(now: Instant): boolean {
    return this.dueAt() <= now;
  }

  flushed(now: Instant): void {
    this.#lastAt = now;
  }
}
