/** How much is open on each route, and since when no task of it answers. */
import type { Instant } from "@skein/common/time";
import type { RouteKey } from "./balancer.ts";

export interface RouteUse {
  /** Connecting or waiting. */
  pending: number;
  waiting: number;
  active: number;
  /** Since when no task answered anybody. */
  downSince: Instant | undefined;
}

export class RouteUses {
  readonly #uses = new Map<RouteKey, RouteUse>();
  readonly #isPublished: (key: RouteKey) => boolean;

  constructor(isPublished: (key: RouteKey) => boolean) {
    this.#isPublished = isPublished;
  }

  of(key: RouteKey): RouteUse {
    let use = this.#uses.get(key);
    if (use === undefined) {
      use = { pending: 0, waiting: 0, active: 0, downSince: undefined };
      this.#uses.set(key, use);
    }
    return use;
  }

  /** The table names tasks that may answer: a new patience begins. */
  endOutages(mayAnswer: (key: RouteKey) => boolean): void {
    for (const [key, use] of this.#uses) if (mayAnswer(key)) use.downSince = undefined;
  }

  /** A route that is down is kept while it is published: who comes next hears it at once. */
  forgetUnused(key: RouteKey): void {
    const use = this.#uses.get(key);
    if (use === undefined || use.active > 0 || use.pending > 0) return;
    const down = use.downSince !== undefined && this.#isPublished(key);
    if (!down) this.#uses.delete(key);
  }

  forgetAllUnused(): void {
    for (const key of [...this.#uses.keys()]) this.forgetUnused(key);
  }
}
