import { logIndex } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { expect } from "chai";
import fc from "fast-check";
import { HANDLERS } from "./apply/handlers.ts";
import type { Accepted, Refusal } from "./command.ts";
import { decodeEnvelope, encodeEnvelope } from "./envelope.ts";
import { storeFaults } from "./invariants.ts";
import type { Draw } from "./random-commands.testing.ts";
import { drawArbitrary, envelopeOf } from "./random-commands.testing.ts";
import type { Store } from "./store.ts";
import { createStore } from "./store.ts";
import { deepFreeze } from "./testing.ts";
import type { Change } from "./view.ts";

const history = fc.array(drawArbitrary, { minLength: 1, maxLength: 150, size: "max" });
/** Replay with `seed` and `path` of a failure: fc.assert(…, { seed, path }). */
const RUNS = { numRuns: 90, seed: Number(process.env["SEED"] ?? 20_261_122) };

interface Step {
  readonly index: ReturnType<typeof logIndex>;
  readonly bytes: Uint8Array;
}

/** The log that `draws` lead to: bytes, since only what decodes can be in a log. */
function record(draws: readonly Draw[], seen: (store: Store, step: Step) => void): Store {
  const store = createStore();
  for (const draw of draws) {
    const bytes = encodeEnvelope(envelopeOf(store.view, draw));
    expect(decodeEnvelope(bytes).ok).to.equal(true);
    // Raft's own entries take indexes, too.
    seen(store, { index: logIndex(store.view.index + 1 + (draw.a % 2)), bytes });
  }
  return store;
}

function apply(store: Store, { index, bytes }: Step): Result<Accepted, Refusal> {
  const envelope = decodeEnvelope(bytes);
  if (!envelope.ok) throw new Error(envelope.error.reason);
  return store.apply(index, deepFreeze(envelope.value));
}

describe(`store, over random commands (SEED=${RUNS.seed})`, function () {
  this.timeout(30_000);

  it("answers every decodable command without a bug, and keeps its invariants", () => {
    const accepted = new Map<string, number>();
    fc.assert(
      fc.property(history, (draws) => {
        const store = record(draws, (grown, step) => {
          const result = apply(grown, step);
          expect(storeFaults(grown.view)).to.deep.equal([]);
          const envelope = decodeEnvelope(step.bytes);
          if (!result.ok || !envelope.ok || result.value.skipped.length > 0) return;
          const { kind } = envelope.value.command;
          accepted.set(kind, (accepted.get(kind) ?? 0) + 1);
        });
        expect(store.bugs).to.deep.equal({ count: 0 });
      }),
      RUNS,
    );
    // The generator is worth something: each kind had its full effect now and then.
    expect([...accepted.keys()].toSorted()).to.deep.equal(Object.keys(HANDLERS).toSorted());
  });

  it("gives the same answers and the same state on two replicas", () => {
    fc.assert(
      fc.property(history, (draws) => {
        const other = createStore();
        const store = record(draws, (grown, step) => {
          expect(apply(other, step)).to.deep.equal(apply(grown, step));
        });
        expect(other.digest()).to.equal(store.digest());
        expect(Buffer.compare(other.snapshot(), store.snapshot())).to.equal(0);
      }),
      RUNS,
    );
  });

  it("goes on from a snapshot as if it had grown there", () => {
    fc.assert(
      fc.property(history, fc.nat({ max: 149 }), fc.nat({ max: 30 }), (draws, at, dirt) => {
        const other = createStore();
        // The replica that receives the snapshot has lagged behind, and may be anywhere.
        record(draws.slice(0, dirt), (grown, step) => {
          apply(grown, step);
          apply(other, step);
        });
        let count = 0;
        let isRestored = false;
        const store = record(draws, (grown, step) => {
          const answer = apply(grown, step);
          if (isRestored) expect(apply(other, step)).to.deep.equal(answer);
          count += 1;
          if (count <= Math.max(at, dirt) || isRestored) return;
          expect(other.restore(step.index, grown.snapshot()).ok).to.equal(true);
          expect(Buffer.compare(other.snapshot(), grown.snapshot())).to.equal(0);
          expect(storeFaults(other.view)).to.deep.equal([]);
          isRestored = true;
        });
        if (!isRestored) return;
        expect(other.digest()).to.equal(store.digest());
        expect(Buffer.compare(other.snapshot(), store.snapshot())).to.equal(0);
      }),
      RUNS,
    );
  });

  it("changes nothing with a refused command but index and time", () => {
    fc.assert(
      fc.property(history, (draws) => {
        record(draws, (grown, step) => {
          const before = content(grown);
          const time = grown.view.time;
          const result = apply(grown, step);
          expect(grown.view.index).to.equal(step.index);
          expect(grown.view.time).to.be.at.least(time);
          if (!result.ok) expect(content(grown)).to.deep.equal(before);
        });
      }),
      RUNS,
    );
  });

  it("reports every change, and nothing else, with versions that grow", () => {
    fc.assert(
      fc.property(history, (draws) => {
        const changes: Change[] = [];
        const rows = new Map<string, unknown>();
        let isWatched = false;
        const store = record(draws, (grown, step) => {
          if (!isWatched) grown.onChange((some) => changes.push(...some));
          isWatched = true;
          const from = changes.length;
          const before = grown.view.index;
          apply(grown, step);
          const told = changes.slice(from);
          expect(grown.changesSince(before)).to.deep.equal(told);
          for (const change of told) follow(rows, change);
        });
        expect([...rows.keys()].toSorted()).to.deep.equal(content(store).map(([key]) => key));
        for (const [key, row] of content(store)) expect(rows.get(key)).to.equal(row);
      }),
      RUNS,
    );
  });
});

/** Every row by table and id. */
function content({ view }: Store): [string, unknown][] {
  const rows: [string, unknown][] = [
    ...view.nodes.list().map((row): [string, unknown] => [`node ${row.id}`, row]),
    ...view.services.list().map((row): [string, unknown] => [`service ${row.id}`, row]),
    ...view.slots
      .list()
      .map((row): [string, unknown] => [`slot ${row.serviceId}.${row.slot}`, row]),
    ...view.tasks.list().map((row): [string, unknown] => [`task ${row.id}`, row]),
    ...view.configs.list().map((row): [string, unknown] => [`config ${row.id}`, row]),
    ...view.networks.list().map((row): [string, unknown] => [`network ${row.id}`, row]),
    ...view.stacks.list().map((row): [string, unknown] => [`stack ${row.id}`, row]),
    ...view.secrets.list().map((row): [string, unknown] => [`secret ${row.id}`, row]),
  ];
  if (view.cluster !== undefined) rows.push([`cluster ${view.cluster.id}`, view.cluster]);
  return rows.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function follow(rows: Map<string, unknown>, change: Change): void {
  const key = `${change.table} ${change.id}`;
  expect(rows.get(key)).to.equal(change.before);
  if (change.action === "create") expect(change).not.to.have.property("before");
  if (change.after === undefined) rows.delete(key);
  else rows.set(key, change.after);
  if (change.action === "remove") return;
  const { version } = change.after as { version: number };
  expect(version).to.equal(change.index);
  const old = change.before as { version: number } | undefined;
  if (old !== undefined) expect(old.version).to.be.lessThan(version);
}
