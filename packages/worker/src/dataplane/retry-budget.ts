/**
 * How many requests of a route may be repeated: a share of those that were asked (Finagle's retry
 * budget). A service that fails everything is not sent everything twice.
 */
import { RETRY_BUDGET_MAX, RETRY_BUDGET_TENTHS } from "../limits.ts";
import type { RouteKey } from "./balancer.ts";

export class RetryBudget {
  /** In tenths of a request, so that they stay whole. */
  readonly #saved = new Map<RouteKey, number>();

  earn(key: RouteKey): void {
    const saved = this.#saved.get(key) ?? RETRY_BUDGET_MAX * 10;
    if (saved < RETRY_BUDGET_MAX * 10) this.#saved.set(key, saved + RETRY_BUDGET_TENTHS);
  }

  /** False: it is used up. */
  spend(key: RouteKey): boolean {
    const saved = this.#saved.get(key) ?? RETRY_BUDGET_MAX * 10;
    if (saved < 10) return false;
    this.#saved.set(key, saved - 10);
    return true;
  }

  retain(isKnown: (key: RouteKey) => boolean): void {
    for (const key of this.#saved.keys()) if (!isKnown(key)) this.#saved.delete(key);
  }
}
