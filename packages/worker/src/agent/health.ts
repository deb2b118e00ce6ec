/**
 * The health check of one task, as Docker's: a command beside it, every interval; so many failures
 * in a row and the task is unhealthy. Until it was healthy once, a task is looked at more often
 * than that (which can only help it), and such extra looks cost it nothing.
 *
 * Invariants:
 *   L1. At most one check of a task is under way.
 *   L2. Failures count once an interval, and not before the start period is over: a task that is
 *       slow to start has as much time as its service says, however often it is looked at.
 *   L3. Unhealthy is final.
 */
import type { HealthCheck } from "@skein/common/model/service";
import type { Instant } from "@skein/common/time";
import { later } from "@skein/common/time";
import { HEALTH_START_INTERVAL_MS } from "../limits.ts";

export type HealthState = "starting" | "healthy" | "unhealthy";

export class Health {
  readonly #check: HealthCheck;
  /** From when on a failure counts; moves by an interval with each that did. */
  #countsFrom: Instant;
  #nextAt: Instant | undefined;
  #state: HealthState;
  #failures = 0;
  #reason = "";

  /** `adopted`: it was healthy before this agent came, as far as anyone knows. */
  constructor(check: HealthCheck, now: Instant, adopted: boolean) {
    this.#check = check;
    this.#state = adopted ? "healthy" : "starting";
    this.#countsFrom = later(now, check.startPeriodMs + (adopted ? 0 : check.intervalMs));
    this.#nextAt = later(now, adopted ? 0 : this.#pauseMs());
  }

  get state(): HealthState {
    return this.#state;
  }

  /** The last failures, in words. */
  get reason(): string {
    return this.#reason;
  }

  wakeAt(): Instant | undefined {
    return this.#nextAt;
  }

  /** True once when a check is due (L1). */
  takeDue(now: Instant): boolean {
    if (this.#nextAt === undefined || now < this.#nextAt) return false;
    this.#nextAt = undefined;
    return true;
  }

  checked(now: Instant, result: { readonly healthy: boolean; readonly output: string }): void {
    if (this.#state === "unhealthy") return;
    if (result.healthy) {
      this.#state = "healthy";
      this.#failures = 0;
    } else if (this.#state === "healthy" || now >= this.#countsFrom) {
      this.#failures += 1;
      this.#countsFrom = later(now, this.#check.intervalMs);
      this.#reason = `unhealthy: ${this.#failures} checks failed in a row: ${result.output}`;
      if (this.#failures >= this.#check.retries) {
        this.#state = "unhealthy";
        return;
      }
    }
    this.#nextAt = later(now, this.#pauseMs());
  }

  /** No further check: the task is asked to end. */
  stop(): void {
    this.#nextAt = undefined;
  }

  #pauseMs(): number {
    const { intervalMs, startIntervalMs = HEALTH_START_INTERVAL_MS } = this.#check;
    return this.#state === "starting" ? Math.min(intervalMs, startIntervalMs) : intervalMs;
  }
}
