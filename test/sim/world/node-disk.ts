/** A machine's disk: it outlives processes; completions go to the process that lives now. */
import type { Clock } from "@skein/common/io/clock";
import { instant, wallTime } from "@skein/common/time";
import type { SimProcessClock } from "../sim-clock.ts";
import type { DiskCall } from "../sim-disk.ts";
import { SimDisk } from "../sim-disk.ts";
import type { SimRandom } from "../sim-random.ts";

export class NodeDisk {
  readonly disk: SimDisk;
  #process: SimProcessClock | undefined;
  /** A sync takes so many times as long. */
  slowness = 1;

  constructor(random: SimRandom) {
    const clock: Clock = {
      now: () => this.#process?.now() ?? instant(0),
      wall: () => this.#process?.wall() ?? wallTime(0),
      // A completion is something from outside: a stopped process finds it when it goes on.
      after: (delayMs, what) =>
        this.#process?.deliver(delayMs, what) ?? { cancel: () => undefined },
    };
    const latency = (call: DiskCall): number =>
      call.isSynced ? (this.slowness * random.between(500, 3000)) / 1000 : 0.02;
    this.disk = new SimDisk({ clock, random, latency });
  }

  attach(process: SimProcessClock): void {
    this.#process = process;
  }
}
