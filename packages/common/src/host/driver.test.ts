import { expect } from "chai";
import type { Clock } from "../io/clock.ts";
import { instant, wallTime } from "../time.ts";
import type { EffectTiming } from "./driver.ts";
import { Driver } from "./driver.ts";
import type { Machine, Wake } from "./machine.ts";

interface Effect {
  readonly timing: EffectTiming;
  readonly name: string;
}
type Input = { readonly kind: "give"; readonly effects: readonly Effect[] } | Persisted;
interface Persisted {
  readonly kind: "persisted";
  readonly upTo: number;
}

/** Gives back the effects of its input; remembers what it was told. */
class Echo implements Machine<Input, Effect> {
  readonly told: (Input | Wake)["kind"][] = [];
  readonly persisted: number[] = [];
  wake: number | undefined;

  step(_now: unknown, input: Input | Wake): readonly Effect[] {
    this.told.push(input.kind);
    if (input.kind === "persisted") this.persisted.push(input.upTo);
    return input.kind === "give" ? input.effects : [];
  }

  wakeAt(): ReturnType<typeof instant> | undefined {
    return this.wake === undefined ? undefined : instant(this.wake);
  }
}

class ManualClock implements Clock {
  time = 0;
  timers: { readonly at: number; readonly what: () => void; cancelled: boolean }[] = [];
  now = (): ReturnType<typeof instant> => instant(this.time);
  wall = (): ReturnType<typeof wallTime> => wallTime(this.time);

  after(delayMs: number, what: () => void): { cancel(): void } {
    const timer = { at: this.time + delayMs, what, cancelled: false };
    this.timers.push(timer);
    return {
      cancel: () => {
        timer.cancelled = true;
      },
    };
  }

  live(): number[] {
    return this.timers.filter((timer) => !timer.cancelled).map((timer) => timer.at);
  }
}

interface Bench {
  readonly machine: Echo;
  readonly clock: ManualClock;
  readonly driver: Driver<Input, Effect>;
  readonly done: string[];
  readonly batches: string[][];
  readonly failures: string[];
  finish(error?: string): void;
}

function bench(onPerform?: (name: string) => void): Bench {
  const machine = new Echo();
  const clock = new ManualClock();
  const done: string[] = [];
  const batches: string[][] = [];
  const failures: string[] = [];
  const pending: ((error: string | undefined) => void)[] = [];
  const driver = new Driver<Input, Effect>(
    machine,
    {
      timing: (effect) => effect.timing,
      perform: (effect) => {
        done.push(effect.name);
        onPerform?.(effect.name);
      },
      persist: (batch, answer) => {
        batches.push(batch.map((effect) => effect.name));
        pending.push(answer);
      },
      persisted: (upTo) => ({ kind: "persisted", upTo }),
      failed: (error) => failures.push(error),
    },
    clock,
  );
  const finish = (error?: string): void => pending.shift()?.(error);
  return { machine, clock, driver, done, batches, failures, finish };
}

const persist = (name: string): Effect => ({ timing: "persist", name });
const later = (name: string): Effect => ({ timing: "after-durable", name });
const now = (name: string): Effect => ({ timing: "now", name });
const give = (...effects: readonly Effect[]): Input => ({ kind: "give", effects });

describe("driver", () => {
  it("holds back what depends on durability, and nothing else (D2)", () => {
    const { driver, done, finish } = bench();
    driver.submit(give(now("heartbeat"), persist("vote"), later("grant"), now("append")));
    expect(done).to.deep.equal(["heartbeat", "append"]);
    finish();
    expect(done).to.deep.equal(["heartbeat", "append", "grant"]);
  });

  it("performs a dependent effect at once when nothing is unsaved", () => {
    const { driver, done } = bench();
    driver.submit(give(later("grant")));
    expect(done).to.deep.equal(["grant"]);
  });

  it("collects what queues during a sync into one batch (D3)", () => {
    const { driver, batches, machine, finish } = bench();
    driver.submit(give(persist("a")));
    driver.submit(give(persist("b")));
    driver.submit(give(persist("c")));
    expect(batches).to.deep.equal([["a"]]);
    finish();
    expect(batches).to.deep.equal([["a"], ["b", "c"]]);
    finish();
    expect(machine.persisted).to.deep.equal([1, 3]);
  });

  it("releases only what the finished batch covers, in order", () => {
    const { driver, done, finish } = bench();
    driver.submit(give(persist("a"), later("1"), later("2")));
    driver.submit(give(persist("b"), later("3")));
    finish();
    expect(done).to.deep.equal(["1", "2"]);
    finish();
    expect(done).to.deep.equal(["1", "2", "3"]);
  });

  it("lets nothing out after a failed sync, ever (D4)", () => {
    const { driver, done, failures, finish } = bench();
    driver.submit(give(persist("a"), later("1")));
    finish("EIO");
    driver.submit(give(now("2")));
    expect(done).to.deep.equal([]);
    expect(failures).to.deep.equal(["EIO"]);
  });

  it("never nests steps: an input submitted by an effect waits for its turn (D1)", () => {
    const order: string[] = [];
    const { driver, machine } = bench((name) => {
      order.push(name);
      if (name === "first") driver.submit(give(now("nested")));
    });
    driver.submit(give(now("first"), now("second")));
    expect(order).to.deep.equal(["first", "second", "nested"]);
    expect(machine.told).to.deep.equal(["give", "give"]);
  });

  it("never nests steps in a release either (D1)", () => {
    const order: string[] = [];
    const { driver, finish } = bench((name) => {
      order.push(name);
      if (name === "held-1") driver.submit(give(now("nested")));
    });
    driver.submit(give(persist("a"), later("held-1"), later("held-2")));
    finish();
    expect(order).to.deep.equal(["held-1", "held-2", "nested"]);
  });

  it("keeps one timer, for the machine's latest wish", () => {
    const { driver, machine, clock } = bench();
    machine.wake = 100;
    driver.submit(give());
    driver.submit(give());
    expect(clock.live()).to.deep.equal([100]);
    machine.wake = 50;
    driver.submit(give());
    expect(clock.live()).to.deep.equal([50]);
    machine.wake = undefined;
    driver.submit(give());
    expect(clock.live()).to.deep.equal([]);
  });

  it("wakes the machine, and again if it asks for the same instant", () => {
    const { driver, machine, clock } = bench();
    machine.wake = 10;
    driver.submit(give());
    clock.time = 12;
    clock.timers[0]?.what();
    expect(machine.told).to.deep.equal(["give", "wake"]);
    expect(clock.live().at(-1)).to.equal(12);
  });

  it("does nothing after close", () => {
    const { driver, machine, done, clock, finish } = bench();
    machine.wake = 5;
    driver.submit(give(persist("a"), later("1")));
    driver.close();
    finish();
    driver.submit(give(now("2")));
    expect(done).to.deep.equal([]);
    expect(clock.live()).to.deep.equal([]);
  });
});
