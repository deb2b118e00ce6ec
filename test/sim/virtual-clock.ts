/** The `Clock` port without time: events run in order of their instant, then of their arming. */
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Instant, WallTime } from "@skein/common/time";
import { instant, wallTime } from "@skein/common/time";

interface Event {
  readonly at: number;
  readonly order: number;
  what: (() => void) | undefined;
}

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  /** Binary heap by (at, order). */
  readonly #heap: Event[] = [];

  now(): Instant {
    return instant(this.#now);
  }

  wall(): WallTime {
    return wallTime(this.#now);
  }

  after(delayMs: number, what: () => void): Timer {
    const event: Event = { at: this.#now + Math.max(0, delayMs), order: this.#order, what };
    this.#order += 1;
    this.#push(event);
    return {
      cancel: () => {
        event.what = undefined;
      },
    };
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    const event = this.#pop();
    if (event === undefined) return false;
    this.#now = event.at;
    event.what?.();
    return true;
  }

  /** Runs until nothing is left, or `stop` says so. Throws after `limit` events: a livelock. */
  run(stop: () => boolean = () => false, limit = 10_000_000): void {
    for (let count = 0; !stop() && this.step(); count += 1) {
      if (count > limit) throw new Error(`still running after ${limit} events`);
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !before(event, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = at * 2 + 1;
      const right = left + 1;
      const child = earlier(heap, left, right);
      const event = heap[child];
      if (event === undefined || !before(event, last)) break;
      heap[at] = event;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function earlier(heap: readonly Event[], left: number, right: number): number {
  const a = heap[left];
  const b = heap[right];
  return a !== undefined && b !== undefined && before(b, a) ? right : left;
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
