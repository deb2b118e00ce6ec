import type { Clock } from "@skein/common/io/clock";
import { instant, storeTime } from "@skein/common/time";
import { expect } from "chai";
import { StoreClock } from "./store-clock.ts";

/** A process's monotonic clock, moved by hand. */
class HandClock {
  at = 0;
  readonly clock = { now: () => instant(this.at) } as unknown as Clock;
}

describe("store clock", () => {
  it("counts on from the last entry applied, on a manager that leads nothing", () => {
    const hand = new HandClock();
    const time = new StoreClock(hand.clock, storeTime(0));
    time.applied(storeTime(5000));
    hand.at = 599_000;
    expect(time.now()).to.equal(604_000);
    expect(time.instantOf(storeTime(605_000))).to.equal(600_000);
  });

  it("takes an entry's time where that is ahead (C2)", () => {
    const hand = new HandClock();
    const time = new StoreClock(hand.clock, storeTime(1000));
    hand.at = 10;
    time.applied(storeTime(9000));
    expect(time.now()).to.equal(9000);
    hand.at = 30;
    expect(time.now()).to.equal(9020);
  });

  it("does not go back for an entry that is behind (C1)", () => {
    const hand = new HandClock();
    const time = new StoreClock(hand.clock, storeTime(1000));
    hand.at = 60_000;
    time.applied(storeTime(2000));
    expect(time.now()).to.equal(61_000);
  });
});
