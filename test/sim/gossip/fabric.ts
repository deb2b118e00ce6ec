/**
 * The wires between simulated gossip members: links as TCP gives them. Nothing is lost in the
 * middle; a lost segment is a delay, a cut is silence, a dead process is a close and a refusal.
 */

import { encode } from "@skein/common/wire/codec";
import type { GossipMessage } from "@skein/common/wire/gossip-messages";
import type { SimClock } from "../sim-clock.ts";
import type { SimRandom } from "../sim-random.ts";
import type { SimMember } from "./sim-member.ts";

const SILENCE_MS = 10_000;
const DIAL_TIMEOUT_MS = 2000;
/** TLS, WebSocket and TCP headers of one message. */
const OVERHEAD_BYTES = 100;
/** One message in so many is encoded for the figures. */
const SAMPLE = 16;

export class Fabric {
  readonly clock: SimClock;
  readonly random: SimRandom;
  /** One message in so many waits for a retransmission. */
  lossOneIn = 0;
  messages = 0;
  /** Deltas in them: what a write costs. */
  deltas = 0;
  bytes = 0;
  readonly #cuts = new Set<string>();
  /** Cut off from all others. */
  #island: ReadonlySet<SimMember> = new Set();
  readonly #pairs = new Set<Pair>();

  constructor(clock: SimClock, random: SimRandom) {
    this.clock = clock;
    this.random = random.fork("fabric");
    this.#watchSilence();
  }

  cut(from: SimMember, to: SimMember): void {
    this.#cuts.add(`${from.id} ${to.id}`);
  }

  /** Nothing passes between these and the others, both ways. */
  cutOff(members: ReadonlySet<SimMember>): void {
    this.#island = members;
  }

  heal(): void {
    this.#cuts.clear();
    this.#island = new Set();
    for (const pair of this.#pairs) pair.resume();
  }

  isCut(from: SimMember, to: SimMember): boolean {
    if (this.#island.size > 0 && this.#island.has(from) !== this.#island.has(to)) return true;
    return this.#cuts.size > 0 && this.#cuts.has(`${from.id} ${to.id}`);
  }

  /** 0.2 to 1 ms; a lost segment costs 200 ms or, once in eight, twice that. */
  travelMs(): number {
    const base = 0.2 + this.random.below(800) / 1000;
    if (!this.random.once(this.lossOneIn)) return base;
    return base + (this.random.once(8) ? 400 : 200);
  }

  dial(from: SimMember, to: SimMember, number: number): void {
    const reach = (): boolean => !this.isCut(from, to) && !this.isCut(to, from);
    const fail = (kind: "refused" | "timeout", delayMs: number): void => {
      from.deliver(delayMs, () => from.closed(number, kind));
    };
    if (!reach()) return fail("timeout", DIAL_TIMEOUT_MS);
    if (!to.isUp()) return fail("refused", 2 * this.travelMs());
    const pair = new Pair(this, from, to, number);
    const began = this.clock.exactNow();
    to.deliver(3 * this.travelMs(), () => {
      if (!reach() || !from.isUp()) return;
      const late = this.clock.exactNow() - began > DIAL_TIMEOUT_MS;
      if (late) return;
      this.#pairs.add(pair);
      pair.accept();
    });
    from.deliver(DIAL_TIMEOUT_MS, () => {
      if (!pair.opened) from.closed(number, to.isUp() ? "timeout" : "refused");
    });
  }

  drop(pair: Pair): void {
    this.#pairs.delete(pair);
  }

  account(message: GossipMessage): void {
    this.messages += 1;
    if (message.kind === "news") this.deltas += message.deltas.length;
    if (this.messages % SAMPLE === 0) {
      this.bytes += SAMPLE * (encode(message).length + OVERHEAD_BYTES);
    }
  }

  #watchSilence(): void {
    this.clock.after(1000, () => {
      for (const pair of this.#pairs) pair.sweep(this.clock.exactNow());
      this.#watchSilence();
    });
  }
}

/** One link and its two ends. */
export class Pair {
  readonly #fabric: Fabric;
  readonly #ends: readonly [End, End];
  opened = false;

  constructor(fabric: Fabric, from: SimMember, to: SimMember, number: number) {
    this.#fabric = fabric;
    const now = fabric.clock.exactNow();
    const end = (member: SimMember, own: number): End => ({
      member,
      number: own,
      gone: false,
      heardAt: now,
      held: [],
      arrivesAt: 0,
    });
    this.#ends = [end(from, number), end(to, to.incoming())];
  }

  accept(): void {
    const [client, server] = this.#ends;
    this.opened = true;
    server.member.opened(this, server.number, client.member, false);
    client.member.deliver(this.#fabric.travelMs(), () => {
      if (client.gone) return;
      client.member.opened(this, client.number, server.member, true);
    });
    client.arrivesAt = this.#fabric.clock.exactNow() + 1;
  }

  send(from: SimMember, message: GossipMessage): void {
    this.#fabric.account(message);
    this.#carry(from, (end) => {
      end.heardAt = this.#fabric.clock.exactNow();
      end.member.received(end.number, message);
    });
  }

  /** Closed by one side, or its process died: the other learns of it unless the wire is cut. */
  close(from: SimMember): void {
    const own = this.#endOf(from);
    own.gone = true;
    this.#carry(from, (end) => {
      end.gone = true;
      end.member.closed(end.number, "closed");
      this.#fabric.drop(this);
    });
  }

  resume(): void {
    for (const end of this.#ends) {
      const held = end.held.splice(0);
      for (const what of held) this.#carry(this.#other(end).member, what);
    }
  }

  sweep(now: number): void {
    for (const end of this.#ends) {
      if (end.gone || !end.member.isRunning() || now - end.heardAt < SILENCE_MS) continue;
      const { member, number } = end;
      this.close(member);
      member.closed(number, "timeout");
    }
    if (this.#ends.every(({ gone }) => gone)) this.#fabric.drop(this);
  }

  /** In order, whatever a segment's delay. */
  #carry(from: SimMember, what: (end: End) => void): void {
    const end = this.#other(this.#endOf(from));
    if (end.gone) return;
    if (this.#fabric.isCut(from, end.member)) {
      end.held.push(what);
      return;
    }
    const now = this.#fabric.clock.exactNow();
    end.arrivesAt = Math.max(end.arrivesAt, now + this.#fabric.travelMs());
    end.member.deliver(end.arrivesAt - now, () => {
      if (!end.gone) what(end);
    });
  }

  #endOf(member: SimMember): End {
    return this.#ends[0].member === member ? this.#ends[0] : this.#ends[1];
  }

  #other(end: End): End {
    return this.#ends[0] === end ? this.#ends[1] : this.#ends[0];
  }
}

interface End {
  readonly member: SimMember;
  readonly number: number;
  gone: boolean;
  heardAt: number;
  readonly held: ((end: End) => void)[];
  arrivesAt: number;
}
