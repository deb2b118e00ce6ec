import type { Clock } from "@skein/common/io/clock";
import { silentLog } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import { instant, wallTime } from "@skein/common/time";
import { expect } from "chai";
import { DISK_LOOK_MS, DISK_STUCK_MS, DISK_TRANSFER_PAUSE_MS } from "../limits.ts";
import type { LogSpace } from "../wal/raft-storage.ts";
import { DiskWatch } from "./disk-watch.ts";

/** One timer at a time, which is all that the watch has. */
class OneTimer implements Clock {
  time = 0;
  due: { readonly at: number; readonly what: () => void } | undefined;
  now = () => instant(this.time);
  wall = () => wallTime(this.time);
  after(delayMs: number, what: () => void) {
    this.due = { at: this.time + delayMs, what };
    return { cancel: () => (this.due = undefined) };
  }

  /** `lateMs`: the process stands still for so long beyond the time. */
  fire(lateMs = 0): void {
    const { due } = this;
    this.due = undefined;
    this.time = (due?.at ?? this.time) + lateMs;
    due?.what();
  }
}

function watched(leads = true) {
  const clock = new OneTimer();
  const storage = {
    space: "enough" as LogSpace,
    changed: (_space: LogSpace): void => undefined,
    retries: 0,
    watchSpace(changed: (space: LogSpace) => void) {
      storage.changed = changed;
    },
    retrySpace: () => void (storage.retries += 1),
  };
  const state = { handedOver: 0 };
  const watch = new DiskWatch({
    ...{ storage, clock, log: silentLog, metrics: noMetrics },
    leads: () => leads,
    handOver: () => void (state.handedOver += 1),
  });
  const become = (space: LogSpace): void => {
    storage.space = space;
    storage.changed(space);
  };
  return { clock, storage, state, watch, become };
}

describe("the watch on a manager's disk", () => {
  it("refuses writes, hands over and tries again until there is space", () => {
    const { clock, storage, state, watch, become } = watched();
    expect(watch.refusal).to.equal(undefined);
    become("short");
    expect(watch.refusal).to.match(/full/);
    expect(state.handedOver).to.equal(1);
    clock.fire();
    clock.fire();
    expect(storage.retries).to.equal(2);
    become("enough");
    clock.fire();
    expect([watch.refusal, clock.due]).to.deep.equal([undefined, undefined]);
  });

  it("hands over at most once a minute, and only what it has", () => {
    const { clock, state, become } = watched();
    become("none");
    for (let at = 0; at < DISK_TRANSFER_PAUSE_MS / DISK_LOOK_MS - 1; at += 1) clock.fire();
    expect(state.handedOver).to.equal(1);
    clock.fire();
    expect(state.handedOver).to.equal(2);
    const follower = watched(false);
    follower.become("none");
    expect(follower.state.handedOver).to.equal(0);
  });

  it("hands over when a write takes for ever, not when the process stood still", () => {
    const { clock, state, watch } = watched();
    watch.writeBegan();
    clock.fire(10 * DISK_STUCK_MS);
    expect(state.handedOver, "after a stall").to.equal(0);
    for (let at = 0; at < DISK_STUCK_MS / DISK_LOOK_MS; at += 1) clock.fire();
    expect(state.handedOver).to.equal(1);
    watch.writeEnded();
    clock.fire();
    expect(clock.due).to.equal(undefined);
  });

  it("has no timer while the disk keeps up", () => {
    const { clock, watch } = watched();
    watch.writeBegan();
    watch.writeEnded();
    clock.fire();
    expect(clock.due).to.equal(undefined);
  });
});
