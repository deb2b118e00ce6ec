import type { Instant } from "../time.ts";

/**
 * The one shape of long-lived core state. `step` is synchronous, total and deterministic: equal
 * inputs at equal instants give equal effects. It never calls out; effects are values the driver
 * performs.
 */
export interface Machine<Input, Effect> {
  step(now: Instant, input: Input | Wake): readonly Effect[];
  /** When the machine wants a `wake`, if at all. Asked again after every step. */
  wakeAt(): Instant | undefined;
}

/** Delivered by the driver when `wakeAt` has come (or later: a stalled process wakes late). */
export interface Wake {
  readonly kind: "wake";
}
