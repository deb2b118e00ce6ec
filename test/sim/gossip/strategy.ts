/**
 * What a way of gossip must do to be compared: ours, and memberlist's rules, under the same faults
 * on the same clock. Members are numbers.
 */
import type { SimClock } from "../sim-clock.ts";
import { SimRandom } from "../sim-random.ts";

export interface Strategy {
  readonly name: string;
  readonly clock: SimClock;
  readonly size: number;
  /** One message in so many is lost: a datagram for good, a segment until it is sent again. */
  lossOneIn: number;
  /** A new value of this member; true for whoever shows it. */
  write(member: number): (by: number) => boolean;
  kill(member: number): void;
  /** The next process of a killed member. */
  start(member: number): void;
  /** Stands still, as if stopped. */
  stop(member: number): void;
  continue(member: number): void;
  isRunning(member: number): boolean;
  takesForDead(by: number, subject: number): boolean;
  /** Nothing passes between these and the others, both ways. */
  cutOff(some: ReadonlySet<number>): void;
  heal(): void;
  /** Verdicts on members that ran, or had stood still for less than three seconds. */
  falseDeaths(): number;
  /** Sent by all together. */
  bytes(): number;
}

/** Milliseconds until it holds for every member that runs; undefined: not within the limit. */
export function untilAll(
  { clock, size, isRunning }: Strategy,
  holds: (by: number) => boolean,
  limitMs: number,
): number | undefined {
  const began = clock.exactNow();
  const missing = Array.from({ length: size }, (_, number) => number);
  const done = (): boolean => {
    for (let last = missing.at(-1); last !== undefined; last = missing.at(-1)) {
      if (isRunning(last) && !holds(last)) return false;
      missing.pop();
    }
    return true;
  };
  return clock.runWhileNot(done, limitMs) ? clock.exactNow() - began : undefined;
}

/** Each stands still for 0.2 to 2 s, runs for 20 to 400 ms, and so on, until `end`. */
export function starve(strategy: Strategy, members: readonly number[], seed: number): Ending {
  const random = new SimRandom(seed);
  let ended = false;
  for (const member of members) {
    const turn = (): void => {
      if (ended) return;
      strategy.stop(member);
      strategy.clock.after(random.between(200, 2000), () => {
        strategy.continue(member);
        strategy.clock.after(random.between(20, 400), turn);
      });
    };
    turn();
  }
  return { end: () => (ended = true) };
}

/** Twenty writes a second somewhere, and one member that is killed and started all the time. */
export function churn(strategy: Strategy, flapper: number, seed: number): Ending {
  const random = new SimRandom(seed);
  let ended = false;
  const write = (): void => {
    if (ended) return;
    const member = random.below(strategy.size);
    if (strategy.isRunning(member)) strategy.write(member);
    strategy.clock.after(50, write);
  };
  const flap = (): void => {
    if (ended && strategy.isRunning(flapper)) return;
    if (strategy.isRunning(flapper)) strategy.kill(flapper);
    else strategy.start(flapper);
    strategy.clock.after(random.between(500, 3000), flap);
  };
  write();
  flap();
  return { end: () => (ended = true) };
}

export interface Ending {
  end(): void;
}
