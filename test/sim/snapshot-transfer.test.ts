/** Snapshots between two managers over the simulated network: what a broken transfer leaves. */
import { clusterId, logIndex, nodeId, raftId, term } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import type { Arrived } from "@skein/manager/shell/snapshots";
import { SnapshotTransfers } from "@skein/manager/shell/snapshots";
import { expect } from "chai";
import { SimClock } from "./sim-clock.ts";
import { SimNetwork } from "./sim-network.ts";
import { SimRandom } from "./sim-random.ts";

const STATE = Uint8Array.from({ length: 40_000 }, (_, at) => (at * 31) % 251);
const CHUNK_BYTES = 100;
/** Of four hundred chunks one breaks the link, more or less in the middle. */
const LOSS_ONE_IN = 200;
const [SENDER, RECEIVER] = [raftId("sender"), raftId("receiver")];
const CONFIGURATION = {
  voters: [SENDER, RECEIVER],
  learners: [],
  addresses: {
    [SENDER]: { nodeId: "node-sender", address: "10.0.0.1:2377" },
    [RECEIVER]: { nodeId: "node-receiver", address: "10.0.0.2:2377" },
  },
};

class Pair {
  readonly clock = new SimClock();
  readonly network: SimNetwork;
  readonly arrived: Arrived[] = [];
  readonly counts = new Map<string, number>();
  readonly #sender: SnapshotTransfers;

  constructor(seed: number) {
    const random = new SimRandom(seed);
    this.network = new SimNetwork({ clock: this.clock, random });
    this.#sender = this.#transfers("10.0.0.1", SENDER);
    this.#transfers("10.0.0.2", RECEIVER);
    this.clock.runFor(10);
  }

  get resumed(): number {
    return this.counts.get("skein_snapshots_resumed_total") ?? 0;
  }

  /** True when the receiver has it durably. */
  send(state: Uint8Array, index = 7): boolean {
    const meta = { index: logIndex(index), term: term(2), configuration: CONFIGURATION };
    let delivered: boolean | undefined;
    this.#sender.send(RECEIVER, { term: term(3), meta, state }, (ok) => (delivered = ok));
    this.clock.runWhileNot(() => delivered !== undefined, 60_000);
    return delivered === true;
  }

  /** Until a transfer breaks in the middle. */
  breakOff(state: Uint8Array): void {
    this.network.setLoss(LOSS_ONE_IN);
    expect(this.send(state), "delivered").to.equal(false);
    this.network.setLoss(0);
    expect(this.arrived, "nothing partial is seen").to.deep.equal([]);
  }

  #transfers(host: string, self: typeof SENDER): SnapshotTransfers {
    const process = this.clock.process();
    const identity = {
      nodeId: nodeId(`node-${self}`),
      role: "manager",
      clusterId: clusterId("simulated"),
    } as const;
    const endpoint = this.network.join({ identity, host, clock: process });
    const transfers = new SnapshotTransfers({
      self,
      network: endpoint,
      clock: process,
      log: silentLog,
      metrics: {
        ...noMetrics,
        count: (name, by = 1) => this.counts.set(name, (this.counts.get(name) ?? 0) + by),
      },
      chunkBytes: CHUNK_BYTES,
      arrived: (snapshot, stored) => {
        this.arrived.push(snapshot);
        stored(true);
      },
    });
    transfers.configure(CONFIGURATION);
    endpoint.listen(`${host}:2377`, { "/snapshot": transfers.accept }, () => undefined);
    return transfers;
  }
}

describe("a snapshot's transfer", () => {
  for (const seed of [1, 2, 3]) {
    it(`that broke goes on where the receiver stands (seed ${seed})`, () => {
      const pair = new Pair(seed);
      pair.breakOff(STATE);
      expect(pair.send(STATE)).to.equal(true);
      expect(pair.resumed).to.equal(1);
      expect(pair.arrived.map(({ state }) => state)).to.deep.equal([STATE]);
    });
  }

  it("begins anew when the bytes are others, under the same name", () => {
    const pair = new Pair(1);
    pair.breakOff(STATE);
    const other = STATE.map((byte) => byte ^ 1);
    expect(pair.send(other)).to.equal(true);
    expect(pair.resumed).to.equal(0);
    expect(pair.arrived.map(({ state }) => state)).to.deep.equal([other]);
  });

  it("begins anew for another snapshot, and when it was forgotten", () => {
    const pair = new Pair(1);
    pair.breakOff(STATE);
    expect(pair.send(STATE.subarray(0, 1000), 9)).to.equal(true);
    const late = new Pair(2);
    late.breakOff(STATE);
    late.clock.runFor(120_000);
    expect(late.send(STATE)).to.equal(true);
    expect([pair.resumed, late.resumed]).to.deep.equal([0, 0]);
  });
});
