/**
 * What is due when, where everything has the same delay: then the order of arrival is the order of
 * time, and a map that keeps it needs no search.
 */
import type { Instant } from "@skein/common/time";
import { later } from "@skein/common/time";

export class DueTimes<Key> {
  readonly #delayMs: number;
  readonly #times = new Map<Key, Instant>();

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  put(key: Key, now: Instant): void {
    this.#times.delete(key);
    this.#times.set(key, later(now, this.#delayMs));
  }

  delete(key: Key): boolean {
    return this.#times.delete(key);
  }

  size(): number {
    return this.#times.size;
  }

  all(): readonly Key[] {
    return [...this.#times.keys()];
  }

  first(): Instant | undefined {
    for (const at of this.#times.values()) return at;
    return undefined;
  }

  /** Takes out those whose time has come. */
  take(now: Instant): readonly Key[] {
    const keys: Key[] = [];
    for (const [key, at] of this.#times) {
      if (now < at) break;
      keys.push(key);
    }
    for (const key of keys) this.#times.delete(key);
    return keys;
  }
}
