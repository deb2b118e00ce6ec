/** The world's clock from zero, with the two verbs that tests of one component need. */
import { SimClock } from "./sim-clock.ts";

export class VirtualClock extends SimClock {
  constructor() {
    super({ wallStart: 0 });
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    return this.runNext();
  }

  /** Runs until nothing is left, or `stop` says so. Throws after `limit` events: a livelock. */
  run(stop: () => boolean = () => false, limit = 10_000_000): void {
    for (let count = 0; !stop() && this.step(); count += 1) {
      if (count > limit) throw new Error(`still running after ${limit} events`);
    }
  }
}
