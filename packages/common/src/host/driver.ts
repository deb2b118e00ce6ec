/**
 * Runs one machine: take an input, step, perform the effects in order, arm one timer for `wakeAt`.
 *
 * Invariants:
 *   D1. Steps never nest: an input submitted while a step or an effect runs waits for its turn.
 *   D2. Persist before send: an effect marked `after-durable` is performed only when everything
 *       handed to `persist` before it is durable. Effects marked `now` are performed at once.
 *   D3. At most one persist batch is in flight; what queues meanwhile becomes the next batch (group
 *       commit), so that one sync serves everything that waited for the last.
 *   D4. A persist failure stops the driver: nothing that waited for it ever leaves.
 */
import { assert } from "../assert.ts";
import type { Clock, Timer } from "../io/clock.ts";
import type { Machine, Wake } from "./machine.ts";

/**
 * How the driver treats an effect. `persist` effects go to `Host.persist`, the others to `perform`.
 */
export type EffectTiming = "now" | "after-durable" | "persist";

export interface Host<Effect, Input> {
  timing(effect: Effect): EffectTiming;
  perform(effect: Effect): void;
  /**
   * Makes a batch durable with one sync; calls `done` later, with the failure's text if it failed.
   */
  persist?(batch: readonly Effect[], done: (error: string | undefined) => void): void;
  /** The input that tells the machine that a batch is durable (`upTo` counts persist effects). */
  persisted?(upTo: number): Input;
  /** A persist failure: the process must stop (D4). */
  failed?(error: string): void;
}

export class Driver<Input, Effect> {
  readonly #machine: Machine<Input, Effect>;
  readonly #host: Host<Effect, Input>;
  readonly #clock: Clock;
  readonly #inputs: (Input | Wake)[] = [];
  #running = false;
  #closed = false;
  #timer: Timer | undefined;
  #timerAt: number | undefined;
  /** Persist effects handed out, and made durable, so far. */
  #issued = 0;
  #durable = 0;
  #inFlight = false;
  #unsaved: Effect[] = [];
  /** Effects held back until `durable` reaches the number. Ordered, since `issued` only grows. */
  #held: { readonly until: number; readonly effect: Effect }[] = [];

  constructor(machine: Machine<Input, Effect>, host: Host<Effect, Input>, clock: Clock) {
    this.#machine = machine;
    this.#host = host;
    this.#clock = clock;
  }

  /**
   * Hands the machine an input; it is stepped before this returns unless a step is running (D1).
   */
  submit(input: Input | Wake): void {
    if (this.#closed) return;
    this.#inputs.push(input);
    this.#run();
  }

  /** Stops timers and drops what is queued; in-flight persists finish without an effect. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#inputs.length = 0;
    this.#held.length = 0;
  }

  /** Inputs and held effects waiting, for metrics. */
  depths(): { readonly inputs: number; readonly held: number; readonly unsaved: number } {
    return {
      inputs: this.#inputs.length,
      held: this.#held.length,
      unsaved: this.#unsaved.length,
    };
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let input = this.#inputs.shift(); input !== undefined; input = this.#inputs.shift()) {
        for (const effect of this.#machine.step(this.#clock.now(), input)) this.#take(effect);
        if (this.#closed) return;
      }
    } finally {
      this.#running = false;
    }
    this.#save();
    this.#arm();
  }

  #take(effect: Effect): void {
    const timing = this.#host.timing(effect);
    if (timing === "persist") {
      this.#issued += 1;
      this.#unsaved.push(effect);
    } else if (timing === "after-durable" && this.#durable < this.#issued) {
      this.#held.push({ until: this.#issued, effect });
    } else {
      this.#host.perform(effect);
    }
  }

  #save(): void {
    if (this.#closed || this.#inFlight || this.#unsaved.length === 0) return;
    const persist = this.#host.persist;
    assert(persist !== undefined, "a machine without a persist host asked to persist");
    const batch = this.#unsaved;
    this.#unsaved = [];
    this.#inFlight = true;
    persist.call(this.#host, batch, (error) => this.#saved(batch.length, error));
  }

  #saved(count: number, error: string | undefined): void {
    if (this.#closed) return;
    if (error !== undefined) {
      this.close();
      this.#host.failed?.(error);
      return;
    }
    this.#inFlight = false;
    this.#durable += count;
    assert(this.#durable <= this.#issued, `durable ${this.#durable} > issued ${this.#issued}`);
    this.#release();
    const told = this.#host.persisted?.(this.#durable);
    if (told !== undefined) this.#inputs.push(told);
    this.#run();
  }

  #release(): void {
    let count = 0;
    for (const held of this.#held) {
      if (held.until > this.#durable) break;
      count += 1;
    }
    const released = this.#held.splice(0, count);
    // Still one turn (D1): an input submitted by a release waits until all of them are performed.
    this.#running = true;
    try {
      for (const { effect } of released) this.#host.perform(effect);
    } finally {
      this.#running = false;
    }
  }

  #arm(): void {
    const at = this.#machine.wakeAt();
    if (at === this.#timerAt) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = at;
    if (at === undefined || this.#closed) return;
    this.#timer = this.#clock.after(Math.max(0, at - this.#clock.now()), () => {
      this.#timer = undefined;
      this.#timerAt = undefined;
      this.submit({ kind: "wake" });
    });
  }
}
