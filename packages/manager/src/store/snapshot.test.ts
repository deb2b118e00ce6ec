import { configId, logIndex, serviceId } from "@skein/common/ids";
import { expect } from "chai";
import { SNAPSHOT_SLICE_ROWS } from "../limits.ts";
import { storeFaults } from "./invariants.ts";
import { concatBytes } from "./snapshot.ts";
import { createStore } from "./store.ts";
import type { Bench } from "./testing.ts";
import {
  createCluster,
  createConfig,
  createService,
  fillSlots,
  joinNode,
  serviceSpec,
} from "./testing.ts";

function grown(): Bench {
  const bench = createCluster();
  bench.run(createService("web"));
  const slots = Array.from({ length: SNAPSHOT_SLICE_ROWS + 1 }, (_, at) => [at, `t${at}`]);
  bench.run(fillSlots(bench.store, "web", Object.fromEntries(slots)));
  bench.run(createConfig("f"));
  return bench;
}

function restored(bytes: Uint8Array, index = 100) {
  const store = createStore();
  const result = store.restore(logIndex(index), bytes);
  return { store, said: result.ok ? "restored" : result.error.reason };
}

describe("a snapshot", function () {
  this.timeout(20_000);

  it("restores to the same state, whose snapshot has the same bytes", () => {
    const { store } = grown();
    const { store: other, said } = restored(store.snapshot());
    expect(said).to.equal("restored");
    expect(other.digest()).to.equal(store.digest());
    expect(Buffer.compare(other.snapshot(), store.snapshot())).to.equal(0);
    expect(other.view.index).to.equal(store.view.index);
  });

  it("is of the moment it was asked for, however late it is read", () => {
    const bench = grown();
    const whole = bench.store.snapshot();
    const slices = bench.store.snapshotSlices();
    bench.run(joinNode("n2"));
    expect(Buffer.compare(concatBytes(slices), whole)).to.equal(0);
  });

  it("of an empty store restores over a state", () => {
    const { store } = grown();
    expect(store.restore(logIndex(0), createStore().snapshot()).ok).to.equal(true);
    expect(store.digest()).to.equal(createStore().digest());
  });

  it("takes names and addresses from rows that are gone, whichever row is written first", () => {
    const lagging = createCluster("10.65.0.0/30");
    const ahead = createCluster("10.65.0.0/30");
    for (const bench of [lagging, ahead]) {
      bench.run(createConfig("z", "f"));
      bench.run(createService("z", serviceSpec("web")));
      bench.run(fillSlots(bench.store, "z", { 1: "z" }));
    }
    ahead.run({ kind: "remove-config", configId: configId("z") });
    ahead.run(createConfig("a", "f"));
    ahead.run({ kind: "remove-service", serviceId: serviceId("z") });
    ahead.run(createService("a", serviceSpec("web")));
    ahead.run(fillSlots(ahead.store, "a", { 1: "a" }));
    lagging.store.restore(ahead.store.view.index, ahead.store.snapshot());
    const { view } = lagging.store;
    expect(view.configByName("f")?.id).to.equal("a");
    expect(view.serviceByName("web")?.id).to.equal("a");
    expect(storeFaults(view)).to.deep.equal([]);
    lagging.run(fillSlots(lagging.store, "a", { 2: "b" }));
    expect(view.tasks.list().map(({ address }) => address)).to.deep.equal(["10.65.0.2", undefined]);
  });

  it("cut off anywhere is refused and leaves the state alone", () => {
    const { store } = createCluster();
    const bytes = store.snapshot();
    const other = createCluster();
    const digest = other.store.digest();
    for (let length = 0; length < bytes.length; length += 1) {
      const result = other.store.restore(logIndex(9), bytes.subarray(0, length));
      expect(result.ok, `${length} bytes`).to.equal(false);
    }
    expect(other.store.digest()).to.equal(digest);
  });

  it("with any byte changed restores or is refused, but never throws", () => {
    const bytes = createCluster().store.snapshot();
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = bytes.slice();
      damaged[at] = 255 - (damaged[at] ?? 0);
      expect(restored(damaged).said).to.be.a("string");
    }
  });

  it("is refused when it holds more than its metadata says", () => {
    const { store } = createCluster();
    expect(restored(store.snapshot(), 1).said).to.equal("state of index 2 in a snapshot of 1");
  });
});
