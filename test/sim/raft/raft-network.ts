/**
 * What carries the messages of the Raft-only simulator: it loses, repeats, delays and reorders
 * them, and is cut, each way on its own. Harsher than the links of a cluster, which keep order.
 */
import type { RaftId } from "@skein/common/ids";
import type { RaftMessage } from "@skein/manager/raft/protocol";
import type { SimClock } from "../sim-clock.ts";
import type { SimRandom } from "../sim-random.ts";
import type { RaftMember } from "./raft-member.ts";
import type { RaftWire, SentSnapshot } from "./raft-process.ts";

/** In parts of 10,000, drawn by each seed; some are zero. */
export interface NetworkRates {
  readonly loses: number;
  readonly repeats: number;
  /** Ten times as long on their way: past whatever is sent later, and past elections. */
  readonly strays: number;
  readonly latencyMsMax: number;
}

export const QUIET: NetworkRates = { loses: 0, repeats: 0, strays: 0, latencyMsMax: 2 };

export interface NetworkCounts {
  lost: number;
  cut: number;
  repeated: number;
  overtaken: number;
  "snapshots lost": number;
}

export class RaftNetwork implements RaftWire {
  readonly counts: NetworkCounts = {
    lost: 0,
    cut: 0,
    repeated: 0,
    overtaken: 0,
    "snapshots lost": 0,
  };
  rates: NetworkRates;
  readonly #clock: SimClock;
  readonly #random: SimRandom;
  readonly #member: (id: RaftId) => RaftMember | undefined;
  /** "from>to". */
  readonly #cuts = new Set<string>();
  /** When the last message of each direction arrives. */
  readonly #lastAt = new Map<string, number>();

  constructor(options: {
    readonly clock: SimClock;
    readonly random: SimRandom;
    readonly rates: NetworkRates;
    readonly member: (id: RaftId) => RaftMember | undefined;
  }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.rates = options.rates;
    this.#member = options.member;
  }

  cut(from: RaftId, to: RaftId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(from?: RaftId, to?: RaftId): void {
    if (from === undefined || to === undefined) this.#cuts.clear();
    else this.#cuts.delete(`${from}>${to}`);
  }

  send(from: RaftId, to: RaftId, message: RaftMessage): void {
    if (this.#member(from)?.lives !== true) return;
    if (this.#isCut(from, to)) this.counts.cut += 1;
    else if (this.#happens(this.rates.loses)) this.counts.lost += 1;
    else {
      this.#carry(from, to, message);
      if (!this.#happens(this.rates.repeats)) return;
      this.counts.repeated += 1;
      this.#carry(from, to, message);
    }
  }

  sendSnapshot(to: RaftId, snapshot: SentSnapshot, done: (delivered: boolean) => void): void {
    const { from } = snapshot;
    const sender = this.#member(from)?.process;
    const answer = (delivered: boolean): void => {
      this.#member(from)?.deliver(this.#travelMs(), (process) => {
        // Its successor, after a restart, has sent nothing.
        if (process === sender) done(delivered);
      });
    };
    this.#clock.after(this.#random.between(2, 150), () => {
      const target = this.#member(to);
      const arrives =
        target?.lives === true && !this.#isCut(from, to) && !this.#happens(this.rates.loses);
      if (arrives) target.deliver(0, (process) => process.snapshotArrived(snapshot, answer));
      else {
        this.counts["snapshots lost"] += 1;
        answer(false);
      }
    });
  }

  #carry(from: RaftId, to: RaftId, message: RaftMessage): void {
    const way = `${from}>${to}`;
    const at = this.#clock.exactNow() + this.#travelMs();
    if (at < (this.#lastAt.get(way) ?? 0)) this.counts.overtaken += 1;
    else this.#lastAt.set(way, at);
    this.#member(to)?.deliver(at - this.#clock.exactNow(), (process) => {
      process.submit({ kind: "receive", from, message });
    });
  }

  #travelMs(): number {
    const base = this.#random.between(50, this.rates.latencyMsMax * 1000) / 1000;
    return this.#happens(this.rates.strays) ? base * 10 : base;
  }

  #isCut(from: RaftId, to: RaftId): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  #happens(of10000: number): boolean {
    return of10000 > 0 && this.#random.below(10_000) < of10000;
  }
}
