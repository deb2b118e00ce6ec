import { logIndex } from "@skein/common/ids";
import { expect } from "chai";
import fc from "fast-check";
import { encodeEnvelope } from "./envelope.ts";
import { drawArbitrary, envelopeOf } from "./random-commands.testing.ts";
import { digestOfRows } from "./row-digest.ts";
import type { Store } from "./store.ts";
import { createStore } from "./store.ts";
import { createBench, createCluster, createConfig, createService } from "./testing.ts";

/** The slow and obvious way: every row and every answer that a snapshot has. */
function summed(store: Store): string {
  const { view } = store;
  const { index, time } = view;
  const rows = new Map<string, unknown>();
  const put = (key: string, row: unknown) => rows.set(key, row);
  if (view.cluster !== undefined) put(`cluster/${view.cluster.id}`, view.cluster);
  for (const row of view.nodes.list()) put(`node/${row.id}`, row);
  for (const row of view.services.list()) put(`service/${row.id}`, row);
  for (const row of view.slots.list()) put(`slot/${row.serviceId}.${row.slot}`, row);
  for (const row of view.tasks.list()) put(`task/${row.id}`, row);
  for (const row of view.configs.list()) put(`config/${row.id}`, row);
  for (const row of view.networks.list()) put(`network/${row.id}`, row);
  for (const row of view.stacks.list()) put(`stack/${row.id}`, row);
  for (const row of view.secrets.list()) put(`secret/${row.id}`, row);
  for (const answer of answersOf(store)) put(`request/${answer.request}`, answer);
  // The tables are a StoreView: the cursor is there, though readers are not shown it.
  const addressCursor = Number(Reflect.get(view, "addressCursor"));
  return digestOfRows({ index, time, addressCursor }, rows);
}

function answersOf(store: Store) {
  const requests = store.requests as unknown as {
    list(): readonly { readonly request: string }[];
  };
  return requests.list();
}

function digested(store: Store, rowsMax = Number.POSITIVE_INFINITY): string | undefined {
  store.checkpoint(store.view.index);
  for (;;) {
    const { finished, isWorking } = store.digestWork(rowsMax);
    if (finished !== undefined || !isWorking) return finished?.digest;
  }
}

describe("the digest that is carried along", function () {
  this.timeout(30_000);
  const runs = { numRuns: 15, seed: Number(process.env["SEED"] ?? 20_261_124) };

  it("is that of all rows, whatever was written in between (G1)", () => {
    const history = fc.array(drawArbitrary, { minLength: 1, maxLength: 100, size: "max" });
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 30 }), (draws, every) => {
        const store = createStore();
        for (const [at, draw] of draws.entries()) {
          // Bytes: only what decodes can be in a log.
          const bytes = encodeEnvelope(envelopeOf(store.view, draw));
          store.applyEntry(logIndex(store.view.index + 1), bytes);
          if (at % every === 0) expect(digested(store, 3)).to.equal(summed(store));
        }
        expect(digested(store)).to.equal(summed(store));
        const other = createStore();
        other.restore(store.view.index, store.snapshot());
        expect(digested(other)).to.equal(summed(store));
      }),
      runs,
    );
  });

  it("is of the moment it was begun, however late it is worked off (G2)", () => {
    const bench = createCluster();
    bench.run(createService("web"));
    const then = summed(bench.store);
    bench.store.checkpoint(bench.store.view.index);
    bench.run(createConfig("f"));
    bench.store.checkpoint(bench.store.view.index);
    const found: string[] = [];
    for (;;) {
      const { finished, isWorking } = bench.store.digestWork(1);
      if (finished !== undefined) found.push(finished.digest);
      if (!isWorking) break;
    }
    expect(found).to.deep.equal([then, summed(bench.store)]);
  });

  it("differs when any row does", () => {
    const [one, other] = [createCluster(), createCluster()];
    one.run(createConfig("f", "same"));
    other.run(createConfig("g", "same"));
    expect(digested(one.store)).to.not.equal(digested(other.store));
    expect(digested(createBench().store)).to.be.a("string");
  });
});
