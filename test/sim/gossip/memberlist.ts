/**
 * memberlist's rules over the same simulated wires (LAN defaults): random probes over datagrams,
 * three helpers, suspicion with Lifeguard's local health and confirmations, rumours to three random
 * members every 200 ms, those that died within 30 s among them, a whole exchange every 30 s; and
 * every 30 s, as Serf does, an exchange with one that failed. Only what the comparison needs: who
 * is alive, and one value of each member. Bytes are estimates: 28 for the headers of a datagram, 40
 * for its message, 50 for each rumour, 60 for each member of an exchange.
 */

import type { SimClock } from "../sim-clock.ts";
import { SimRandom } from "../sim-random.ts";

const PROBE_MS = 1000;
const PROBE_TIMEOUT_MS = 500;
const HELPERS = 3;
const GOSSIP_MS = 200;
const FANOUT = 3;
const RETRANSMIT_MULT = 4;
const SUSPICION_MULT = 4;
const SUSPICION_MAX_MULT = 6;
const PUSH_PULL_MS = 30_000;
const HEALTH_MAX = 7;
const GOSSIP_TO_THE_DEAD_MS = 30_000;
const RECONNECT_MS = 30_000;
const DATAGRAM_BYTES = 68;
const RUMOUR_BYTES = 50;
const ROW_BYTES = 60;

type State = "alive" | "suspect" | "dead";

interface Rumour {
  readonly subject: number;
  readonly incarnation: number;
  readonly state: State;
  readonly from: number;
  readonly version: number;
}

interface Known {
  incarnation: number;
  state: State;
  version: number;
  /** When it was found dead. */
  diedAt: number;
}

interface Suspicion {
  readonly since: number;
  readonly confirmers: Set<number>;
  readonly incarnation: number;
}

export class MemberlistWorld {
  readonly clock: SimClock;
  readonly members: MemberlistMember[] = [];
  readonly random: SimRandom;
  falseDeaths = 0;
  bytes = 0;
  /** One datagram in so many is lost. */
  lossOneIn = 0;
  #island: ReadonlySet<number> = new Set();

  constructor(clock: SimClock, seed: number, count: number) {
    this.clock = clock;
    this.random = new SimRandom(seed);
    for (let number = 0; number < count; number += 1) {
      this.members.push(new MemberlistMember(this, number, count));
    }
    for (const member of this.members) member.start();
  }

  /** Nothing passes between these and the others. */
  cutOff(members: ReadonlySet<number>): void {
    this.#island = members;
  }

  send(
    from: MemberlistMember,
    to: number,
    what: (to: MemberlistMember) => void,
    bytes = DATAGRAM_BYTES,
  ): void {
    const member = this.members[to];
    if (member === undefined || from.stopped) return;
    this.bytes += bytes;
    if (this.#island.has(from.number) !== this.#island.has(to)) return;
    if (this.random.once(this.lossOneIn)) return;
    this.clock.after(0.2 + this.random.below(800) / 1000, () => member.take(() => what(member)));
  }
}

export class MemberlistMember {
  readonly #world: MemberlistWorld;
  readonly number: number;
  readonly known: Known[];
  readonly #suspicions = new Map<number, Suspicion>();
  readonly #rumours = new Map<number, { rumour: Rumour; left: number }>();
  readonly #acks = new Map<number, () => void>();
  readonly #held: (() => void)[] = [];
  #order: number[] = [];
  #seq = 0;
  #health = 0;
  #lives = 1;
  dead = false;
  stopped = false;

  constructor(world: MemberlistWorld, number: number, count: number) {
    this.#world = world;
    this.number = number;
    const state = "alive" as const;
    const fresh = { incarnation: 1, state, version: 0, diedAt: 0 };
    this.known = Array.from({ length: count }, () => ({ ...fresh }));
  }

  start(): void {
    const { random } = this.#world;
    this.#every(PROBE_MS, random.below(PROBE_MS), () => this.#probe());
    this.#every(GOSSIP_MS, random.below(GOSSIP_MS), () => this.#gossip());
    this.#every(PUSH_PULL_MS * this.#pushPullScale(), random.below(PUSH_PULL_MS), () =>
      this.#pushPull(),
    );
    this.#every(RECONNECT_MS, random.below(RECONNECT_MS), () => this.#reconnect());
  }

  /** The next process: it says that it is there, louder than what was said of its death. */
  revive(): void {
    this.dead = false;
    this.#lives += 1;
    this.#suspicions.clear();
    this.#held.length = 0;
    this.start();
    this.#refute(this.#of(this.number).incarnation);
  }

  /** Runs now, when it is continued, or never. */
  take(what: () => void): void {
    if (this.dead) return;
    if (this.stopped) this.#held.push(what);
    else what();
  }

  continue(): void {
    this.stopped = false;
    for (const what of this.#held.splice(0)) what();
  }

  /** Its own value has a new version. */
  write(): void {
    const own = this.#of(this.number);
    own.version += 1;
    this.#spread(this.number);
  }

  #of(number: number): Known {
    const known = this.known[number];
    if (known === undefined) throw new Error(`no member ${number}`);
    return known;
  }

  #every(milliseconds: number, first: number, what: () => void): void {
    const life = this.#lives;
    const turn = (): void => {
      if (this.dead || this.#lives !== life) return;
      this.take(what);
      this.#world.clock.after(milliseconds, turn);
    };
    this.#world.clock.after(first, turn);
  }

  #probe(): void {
    const target = this.#nextTarget();
    if (target === undefined) return;
    const scale = this.#health + 1;
    let answered = false;
    const acked = (): void => {
      answered = true;
      this.#health = Math.max(0, this.#health - 1);
    };
    this.#ping(target, acked);
    this.#after(PROBE_TIMEOUT_MS * scale, () => {
      if (answered) return;
      for (const helper of this.#random(HELPERS, target)) this.#askHelper(helper, target, acked);
      this.#after((PROBE_MS - PROBE_TIMEOUT_MS) * scale, () => {
        if (answered) return;
        this.#health = Math.min(HEALTH_MAX, this.#health + 1);
        const { incarnation } = this.#of(target);
        this.#suspect({ subject: target, incarnation, state: "suspect", from: this.number });
      });
    });
  }

  #ping(target: number, acked: () => void): void {
    this.#seq += 1;
    const seq = this.#seq;
    this.#acks.set(seq, acked);
    const rumour = this.#rumours.get(target)?.rumour;
    this.#world.send(this, target, (to) => {
      if (rumour !== undefined) to.#hear(rumour);
      to.#world.send(to, this.number, (back) => back.#acked(seq));
    });
  }

  #askHelper(helper: number, target: number, acked: () => void): void {
    this.#world.send(this, helper, (by) =>
      by.#ping(target, () => by.#world.send(by, this.number, () => acked())),
    );
  }

  #acked(seq: number): void {
    this.#acks.get(seq)?.();
    this.#acks.delete(seq);
  }

  #suspect(rumour: Omit<Rumour, "version">): void {
    const known = this.#of(rumour.subject);
    if (rumour.incarnation < known.incarnation || known.state === "dead") return;
    const open = this.#suspicions.get(rumour.subject);
    if (open !== undefined && open.incarnation === rumour.incarnation) {
      if (open.confirmers.has(rumour.from)) return;
      open.confirmers.add(rumour.from);
      return this.#spread(rumour.subject, rumour.from);
    }
    if (rumour.subject === this.number) return this.#refute(rumour.incarnation);
    known.state = "suspect";
    known.incarnation = rumour.incarnation;
    const since = this.#world.clock.exactNow();
    const confirmers = new Set([rumour.from]);
    this.#suspicions.set(rumour.subject, { since, confirmers, incarnation: rumour.incarnation });
    this.#spread(rumour.subject, rumour.from);
    this.#watch(rumour.subject, rumour.incarnation);
  }

  #watch(subject: number, incarnation: number): void {
    this.#after(100, () => {
      const open = this.#suspicions.get(subject);
      if (open === undefined || open.incarnation !== incarnation) return;
      const waited = this.#world.clock.exactNow() - open.since;
      if (waited < this.#suspicionMs(open)) return this.#watch(subject, incarnation);
      this.#bury(subject, incarnation);
    });
  }

  #suspicionMs({ confirmers }: Suspicion): number {
    const count = this.known.length;
    const min = SUSPICION_MULT * Math.max(1, Math.log10(count)) * PROBE_MS;
    const wanted = count - 2 < SUSPICION_MULT - 2 ? 0 : SUSPICION_MULT - 2;
    if (wanted === 0) return min;
    const share = Math.log(confirmers.size) / Math.log(wanted + 1);
    return Math.max(min, min * SUSPICION_MAX_MULT * (1 - share) + min * share);
  }

  #bury(subject: number, incarnation: number): void {
    const known = this.#of(subject);
    if (known.state === "dead" || incarnation < known.incarnation) return;
    this.#suspicions.delete(subject);
    if (subject === this.number) return this.#refute(incarnation);
    known.state = "dead";
    known.incarnation = incarnation;
    known.diedAt = this.#world.clock.exactNow();
    const there = this.#world.members[subject];
    if (there !== undefined && !there.dead) this.#world.falseDeaths += 1;
    this.#spread(subject);
  }

  #refute(incarnation: number): void {
    const own = this.#of(this.number);
    own.incarnation = Math.max(own.incarnation, incarnation) + 1;
    own.state = "alive";
    this.#health = Math.min(HEALTH_MAX, this.#health + 1);
    this.#spread(this.number);
  }

  #hear(rumour: Rumour): void {
    if (rumour.state === "suspect") return this.#suspect(rumour);
    if (rumour.state === "dead") return this.#bury(rumour.subject, rumour.incarnation);
    const known = this.#of(rumour.subject);
    const isNews =
      rumour.incarnation > known.incarnation ||
      (rumour.incarnation === known.incarnation && rumour.version > known.version);
    if (!isNews) return;
    known.incarnation = rumour.incarnation;
    known.version = Math.max(known.version, rumour.version);
    if (known.state !== "alive") this.#suspicions.delete(rumour.subject);
    known.state = "alive";
    this.#spread(rumour.subject);
  }

  #spread(subject: number, from = this.number): void {
    const { incarnation, state, version } = this.#of(subject);
    const left = RETRANSMIT_MULT * Math.ceil(Math.log10(this.known.length + 1));
    this.#rumours.set(subject, {
      rumour: { subject, incarnation, state, from, version },
      left,
    });
  }

  #gossip(): void {
    if (this.#rumours.size === 0) return;
    const since = this.#world.clock.exactNow() - GOSSIP_TO_THE_DEAD_MS;
    for (const to of this.#random(FANOUT, -1, since)) {
      const carried = [...this.#rumours.values()].sort((a, b) => b.left - a.left).slice(0, 20);
      for (const entry of carried) {
        entry.left -= 1;
        if (entry.left <= 0) this.#rumours.delete(entry.rumour.subject);
      }
      const rumours = carried.map(({ rumour }) => rumour);
      const tell = (peer: MemberlistMember): void => {
        for (const rumour of rumours) peer.#hear(rumour);
      };
      this.#world.send(this, to, tell, DATAGRAM_BYTES + RUMOUR_BYTES * rumours.length);
    }
  }

  #pushPull(): void {
    const [peer] = this.#random(1);
    if (peer !== undefined) this.#exchange(peer);
  }

  #exchange(peer: number): void {
    const both = (to: MemberlistMember): void => {
      to.#merge(this);
      this.take(() => this.#merge(to));
    };
    this.#world.send(this, peer, both, 2 * ROW_BYTES * this.known.length);
  }

  /** Serf: with a probability of the failed among all, one of them is tried. */
  #reconnect(): void {
    const { random } = this.#world;
    const failed = [...this.known.keys()].filter((number) => this.#of(number).state === "dead");
    if (random.below(this.known.length) >= failed.length) return;
    const chosen = failed[random.below(failed.length)];
    if (chosen !== undefined) this.#exchange(chosen);
  }

  /** What the other side takes for dead is only suspected. */
  #merge(other: MemberlistMember): void {
    for (const [subject, { incarnation, state, version }] of other.known.entries()) {
      const merged = state === "dead" ? "suspect" : state;
      this.#hear({ subject, incarnation, state: merged, from: other.number, version });
    }
  }

  #pushPullScale(): number {
    const count = this.known.length;
    return count <= 32 ? 1 : Math.ceil(Math.log2(count) - Math.log2(32)) + 1;
  }

  #after(milliseconds: number, what: () => void): void {
    this.#world.clock.after(milliseconds, () => this.take(what));
  }

  /** Round robin over a shuffled list. */
  #nextTarget(): number | undefined {
    for (let tries = 0; tries < this.known.length; tries += 1) {
      if (this.#order.length === 0) this.#order = this.#shuffled();
      const target = this.#order.pop();
      if (target !== undefined && this.#of(target).state !== "dead") return target;
    }
    return undefined;
  }

  #shuffled(): number[] {
    const order = [...this.known.keys()].filter((number) => number !== this.number);
    for (let at = order.length - 1; at > 0; at -= 1) {
      const other = this.#world.random.below(at + 1);
      [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
    }
    return order;
  }

  #random(count: number, except = -1, diedSince = Number.POSITIVE_INFINITY): readonly number[] {
    const chosen = new Set<number>();
    for (let tries = 0; tries < 10 * count && chosen.size < count; tries += 1) {
      const number = this.#world.random.below(this.known.length);
      const usable = number !== this.number && number !== except;
      const { state, diedAt } = this.#of(number);
      if (usable && (state !== "dead" || diedAt > diedSince)) chosen.add(number);
    }
    return [...chosen];
  }
}
