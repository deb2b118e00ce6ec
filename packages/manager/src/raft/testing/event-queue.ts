/**
 * Virtual time for the storm: a heap of events, earliest first, then in the order they were added.
 */
import type { Instant } from "@skein/common/time";
import { instant, later } from "@skein/common/time";

interface Scheduled {
  readonly at: Instant;
  readonly order: number;
  readonly run: () => void;
}

export class EventQueue {
  now: Instant = instant(0);
  #order = 0;
  readonly #heap: Scheduled[] = [];

  after(delayMs: number, run: () => void): void {
    this.#order += 1;
    this.#push({ at: later(this.now, delayMs), order: this.#order, run });
  }

  /** Runs the next event if it is due by `end`. */
  runNext(end: Instant): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.at > end) return false;
    this.#pop();
    this.now = next.at;
    next.run();
    return true;
  }

  #push(item: Scheduled): void {
    const heap = this.#heap;
    let at = heap.push(item) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !isBefore(item, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const item = heap.pop();
    if (item === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      const side = right !== undefined && left !== undefined && isBefore(right, left) ? 2 : 1;
      const child = side === 2 ? right : left;
      if (child === undefined || !isBefore(child, item)) break;
      heap[at] = child;
      at = 2 * at + side;
    }
    heap[at] = item;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
