/**
 * The real clock. Instants are whole milliseconds of the system's monotonic clock, so that every
 * thread of a process reads the same ones.
 */
import type { Clock, Timer } from "../io/clock.ts";
import type { Metrics } from "../io/metrics.ts";
import { LOOP_LAG_SAMPLE_MS, LOOP_LAG_WINDOW_MS, TIMER_LATE_MS } from "../limits.ts";
import { instant, wallTime } from "../time.ts";

export function systemClock(): Clock {
  return {
    now: () => instant(monotonicMs()),
    wall: () => wallTime(Date.now()),
    after: (delayMs, what) => new SystemTimer(delayMs, what),
  };
}

export interface LoopLag {
  /** The longest delay of the event loop within the last seconds, in milliseconds. */
  recentMs(): number;
  close(): void;
}

/**
 * Samples how late the event loop runs: histogram `skein_loop_lag_seconds` and gauge
 * `skein_loop_lag_recent_seconds`, the worst of the last seconds. It keeps no process alive.
 */
export function watchLoopLag(metrics: Metrics): LoopLag {
  let worst = 0;
  let before = 0;
  let windowEnd = monotonicMs() + LOOP_LAG_WINDOW_MS;
  let due = monotonicMs() + LOOP_LAG_SAMPLE_MS;
  const timer = setInterval(() => {
    const now = monotonicMs();
    const lag = Math.max(0, now - due);
    due = now + LOOP_LAG_SAMPLE_MS;
    if (now >= windowEnd) {
      before = worst;
      worst = 0;
      windowEnd = now + LOOP_LAG_WINDOW_MS;
    }
    worst = Math.max(worst, lag);
    metrics.observeMs("skein_loop_lag_seconds", lag);
    metrics.gauge("skein_loop_lag_recent_seconds", Math.max(worst, before) / 1000);
  }, LOOP_LAG_SAMPLE_MS);
  timer.unref();
  return { recentMs: () => Math.max(worst, before), close: () => clearInterval(timer) };
}

function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + Math.floor(nanoseconds / 1_000_000);
}

/** Longest delay `setTimeout` takes; a longer one is armed in steps. */
const TIMEOUT_STEP_MS = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #due: number;
  #what: (() => void) | undefined;
  #handle: NodeJS.Timeout | undefined;

  constructor(delayMs: number, what: () => void) {
    this.#due = monotonicMs() + Math.max(0, delayMs);
    this.#what = what;
    this.#arm(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#handle);
    this.#what = undefined;
  }

  #arm(delayMs: number): void {
    this.#handle = setTimeout(() => this.#fire(), Math.min(delayMs, TIMEOUT_STEP_MS));
  }

  #fire(): void {
    const late = monotonicMs() - this.#due;
    if (late < 0) this.#arm(Math.ceil(-late));
    else if (late <= TIMER_LATE_MS) this.#call();
    else afterPoll(() => this.#call());
  }

  #call(): void {
    const what = this.#what;
    this.#what = undefined;
    what?.();
  }
}

/**
 * The process was stalled: what lies unread in its sockets may be the very message the timer waits
 * for. The first immediate runs after this turn's poll phase; the second after one more, for data
 * that needed a turn to get through TLS.
 */
function afterPoll(what: () => void): void {
  setImmediate(() => setImmediate(what));
}
