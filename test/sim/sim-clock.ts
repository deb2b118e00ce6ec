/**
 * Virtual time: one heap of events for the whole world. Events of one instant run in the order in
 * which they were asked for, so a run is a function of its seed. Events may lie between two
 * milliseconds; what `now` tells is whole, as with the real clock.
 *
 * A process of the world has a view of its own (`process`): another origin of monotonic time,
 * another wall clock, and the three fates of a process: it is killed, stopped (SIGSTOP) and
 * continued.
 */
import { assert } from "@skein/common/assert";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Instant, WallTime } from "@skein/common/time";
import { instant, wallTime } from "@skein/common/time";

interface Event {
  readonly at: number;
  readonly order: number;
  what: (() => void) | undefined;
}

/** 2026-01-01T00:00:00Z, unless told otherwise. */
const WALL_START = Date.UTC(2026, 0, 1);

/** More than the error of a multiplication and a division of instants. */
const ROUNDING_MS = 0.001;

/** Far above what any instant of a world sees. */
const AT_ONCE_MAX = 100_000;

export class SimClock implements Clock {
  readonly #heap: Event[] = [];
  readonly #wallStart: number;
  #now = 0;
  #order = 0;
  #cancelled = 0;
  #ran = 0;
  /** Events run at this very instant. */
  #atOnce = 0;

  constructor(options: { readonly wallStart?: number } = {}) {
    this.#wallStart = options.wallStart ?? WALL_START;
  }

  now(): Instant {
    return instant(Math.floor(this.#now));
  }

  /** Not rounded: for those who compute when an event falls. */
  exactNow(): number {
    return this.#now;
  }

  wall(): WallTime {
    return wallTime(this.#wallStart + Math.floor(this.#now));
  }

  after(delayMs: number, what: () => void): Timer {
    assert(Number.isFinite(delayMs), `a delay of ${delayMs} ms`);
    this.#order += 1;
    const event: Event = { at: this.#now + Math.max(0, delayMs), order: this.#order, what };
    this.#push(event);
    return { cancel: () => this.#cancel(event) };
  }

  /** Runs the next event, if there is one. */
  runNext(): boolean {
    for (let event = this.#pop(); event !== undefined; event = this.#pop()) {
      const what = event.what;
      if (what === undefined) {
        this.#cancelled -= 1;
        continue;
      }
      event.what = undefined;
      assert(event.at >= this.#now, `time goes back from ${this.#now} to ${event.at}`);
      this.#atOnce = event.at === this.#now ? this.#atOnce + 1 : 0;
      assert(this.#atOnce < AT_ONCE_MAX, `${AT_ONCE_MAX} events at ${this.#now}: something spins`);
      this.#now = event.at;
      this.#ran += 1;
      what();
      return true;
    }
    return false;
  }

  /**
   * Runs everything due until then and sets the time to it. `eventsMax` turns an endless loop at
   * one instant into a failure.
   */
  runUntil(until: Instant, eventsMax = 10_000_000): void {
    const stopAt = this.#ran + eventsMax;
    for (let next = this.nextAt(); next !== undefined && next <= until; next = this.nextAt()) {
      assert(this.#ran < stopAt, `more than ${eventsMax} events before ${until}`);
      this.runNext();
    }
    this.#now = Math.max(this.#now, until);
  }

  runFor(milliseconds: number, eventsMax?: number): void {
    this.runUntil(instant(this.#now + milliseconds), eventsMax);
  }

  /** Runs until `done` holds; false when `limitMs` passed, or nothing is left to happen, before. */
  runWhileNot(done: () => boolean, limitMs: number): boolean {
    const limit = this.#now + limitMs;
    while (!done()) {
      const next = this.nextAt();
      if (next === undefined || next > limit) return false;
      this.runNext();
    }
    return true;
  }

  nextAt(): Instant | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].what === undefined) {
      this.#pop();
      this.#cancelled -= 1;
    }
    const next = this.#heap[0];
    return next === undefined ? undefined : instant(next.at);
  }

  /** Events waiting, without the cancelled. */
  pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Events run so far. */
  ran(): number {
    return this.#ran;
  }

  process(options: SimProcessOptions = {}): SimProcessClock {
    return new SimProcessClock(this, options);
  }

  #cancel(event: Event): void {
    if (event.what === undefined) return;
    event.what = undefined;
    this.#cancelled += 1;
    if (this.#cancelled < 1024 || this.#cancelled * 2 < this.#heap.length) return;
    const living = this.#heap.filter((item) => item.what !== undefined);
    this.#heap.length = 0;
    this.#cancelled = 0;
    for (const item of living) this.#push(item);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || before(parent, event)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const [left, right] = [heap[child], heap[child + 1]];
      const takeRight = left !== undefined && right !== undefined && before(right, left);
      const lesser = takeRight ? right : left;
      if (lesser === undefined || before(last, lesser)) break;
      heap[at] = lesser;
      at = takeRight ? child + 1 : child;
    }
    heap[at] = last;
    return top;
  }
}

export interface SimProcessOptions {
  /** How far this machine's wall clock is off. */
  readonly wallOffsetMs?: number;
  /** Monotonic time when the world began: instants of two processes must never be compared. */
  readonly instantOffsetMs?: number;
  /** How fast its clocks run: 1.1 gains six seconds a minute. */
  readonly pace?: number;
}

export type SimProcessState = "running" | "stopped" | "dead";

/** What one process of the world sees of time. A restarted process gets a new one. */
export class SimProcessClock implements Clock {
  readonly #world: SimClock;
  readonly #wallOffsetMs: number;
  readonly #instantOffsetMs: number;
  readonly #pace: number;
  #state: SimProcessState = "running";
  #heldInputs: (() => void)[] = [];
  #heldTimers: (() => void)[] = [];

  constructor(world: SimClock, options: SimProcessOptions) {
    this.#world = world;
    this.#wallOffsetMs = options.wallOffsetMs ?? 0;
    this.#instantOffsetMs = options.instantOffsetMs ?? 0;
    this.#pace = options.pace ?? 1;
  }

  now(): Instant {
    return instant(Math.floor(this.#world.exactNow() * this.#pace) + this.#instantOffsetMs);
  }

  wall(): WallTime {
    const driftMs = Math.floor(this.#world.exactNow() * (this.#pace - 1));
    return wallTime(this.#world.wall() + driftMs + this.#wallOffsetMs);
  }

  after(delayMs: number, what: () => void): Timer {
    let cancelled = false;
    const run = () => {
      if (!cancelled) what();
    };
    // Whole, so that never less than the delay lies between two readings of `now`.
    const wholeMs = Math.ceil(delayMs);
    const worldMs = this.#pace === 1 ? wholeMs : wholeMs / this.#pace + ROUNDING_MS;
    const timer = this.#world.after(worldMs, () => this.#call(run, this.#heldTimers));
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /** Hands the process something from outside: a message, a completion. */
  deliver(delayMs: number, what: () => void): Timer {
    return this.#world.after(delayMs, () => this.#call(what, this.#heldInputs));
  }

  state(): SimProcessState {
    return this.#state;
  }

  /** Nothing of it runs any more, ever. */
  kill(): void {
    this.#state = "dead";
    this.#heldInputs = [];
    this.#heldTimers = [];
  }

  stop(): void {
    if (this.#state === "running") this.#state = "stopped";
  }

  /**
   * What came in meanwhile is read before the late timers are called, as the real clock does it.
   */
  continue(): void {
    if (this.#state !== "stopped") return;
    this.#state = "running";
    // In one go: were they events of their own, one that is due now would overtake them.
    while (this.state() === "running") {
      const what = this.#heldInputs.shift() ?? this.#heldTimers.shift();
      if (what === undefined) return;
      what();
    }
  }

  #call(what: () => void, held: (() => void)[]): void {
    if (this.#state === "running") what();
    else if (this.#state === "stopped") held.push(what);
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
