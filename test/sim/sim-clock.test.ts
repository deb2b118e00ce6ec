import { instant } from "@skein/common/time";
import { expect } from "chai";
import fc from "fast-check";
import { SimClock } from "./sim-clock.ts";
import { SimRandom } from "./sim-random.ts";

describe("SimClock", () => {
  it("agrees with a sorted list, cancellations included", () => {
    const event = fc.record({ delay: fc.nat({ max: 50 }), cancel: fc.boolean() });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const clock = new SimClock();
        const ran: string[] = [];
        const timers = events.map(({ delay }, at) =>
          clock.after(delay, () => ran.push(`${clock.now()} ${at}`)),
        );
        events.forEach(({ cancel }, at) => {
          if (cancel) timers[at]?.cancel();
        });
        clock.runUntil(instant(100));
        const expected = events
          .map(({ delay, cancel }, at) => ({ delay, cancel, at }))
          .filter(({ cancel }) => !cancel)
          .toSorted((a, b) => a.delay - b.delay || a.at - b.at)
          .map(({ delay, at }) => `${delay} ${at}`);
        expect(ran).to.deep.equal(expected);
        expect([clock.pending(), clock.now()]).to.deep.equal([0, 100]);
      }),
    );
  });

  it("keeps no cancelled timers, however many are armed and cancelled", () => {
    const clock = new SimClock();
    clock.after(1_000_000, () => undefined);
    for (let turn = 0; turn < 100_000; turn += 1) clock.after(500_000, () => undefined).cancel();
    expect(clock.pending()).to.equal(1);
    expect(clock.nextAt()).to.equal(1_000_000);
  });

  it("fails on an endless loop at one instant", () => {
    const clock = new SimClock();
    const again = () => void clock.after(0, again);
    again();
    expect(() => clock.runFor(1, 1000)).to.throw("more than 1000 events");
  });

  it("gives each process its own monotonic and wall time", () => {
    const world = new SimClock({ wallStart: 1_000_000 });
    const process = world.process({ wallOffsetMs: -3000, instantOffsetMs: 77 });
    world.runFor(10);
    expect([process.now(), process.wall()]).to.deep.equal([87, 997_010]);
  });

  it("runs nothing of a killed process", () => {
    const world = new SimClock();
    const process = world.process();
    let called = 0;
    process.after(5, () => {
      called += 1;
    });
    process.deliver(6, () => {
      called += 1;
    });
    process.stop();
    world.runFor(5);
    process.kill();
    process.continue();
    world.runFor(100);
    expect([called, process.state()]).to.deep.equal([0, "dead"]);
  });

  it("stops again in the middle of catching up", () => {
    const world = new SimClock();
    const process = world.process();
    const ran: number[] = [];
    for (const value of [1, 2, 3]) {
      process.deliver(1, () => {
        ran.push(value);
        if (value === 2) process.stop();
      });
    }
    process.stop();
    world.runFor(5);
    process.continue();
    expect(ran).to.deep.equal([1, 2]);
    process.continue();
    expect(ran).to.deep.equal([1, 2, 3]);
  });
});

describe("SimRandom", () => {
  it("is fixed by its seed for good: recorded draws", () => {
    const random = new SimRandom(2026);
    expect(Array.from({ length: 6 }, () => random.below(1000))).to.deep.equal([
      616, 886, 733, 359, 120, 525,
    ]);
  });

  it("forks independent streams by name alone", () => {
    const [first, second] = [new SimRandom(5), new SimRandom(5)];
    second.below(10);
    expect(first.fork("disk").id()).to.equal(second.fork("disk").id());
    expect(first.fork("disk").id()).not.to.equal(first.fork("network").id());
    const seeds = Array.from({ length: 2000 }, (_, seed) => new SimRandom(seed).fork("a").id());
    expect(new Set(seeds).size).to.equal(2000);
  });
});
