/**
 * Probes of the observed members (SWIM §3, Lifeguard §IV): ping, then helpers and a second ping,
 * then an alert. Also what this member does as a helper, and how well it is itself.
 *
 * Invariants:
 *   F1. Local health rises with what only an ill observer sees (a probe that failed, a helper that
 *       did not even decline, a suspicion of ourselves, a late wake-up) and falls with success;
 *       every time-out is (health + 1) times as long.
 *   F2. One probe of a member at a time; an answer, also by a helper, ends it. Who says anything at
 *       all meanwhile lives: its answer may stand behind a long message, and it is not accused.
 *   F3. A time in which this process stood still is added to every deadline: what was said
 *       meanwhile is still unread.
 */
import type { NodeId } from "../ids.ts";
import type { Random } from "../io/random.ts";
import {
  GOSSIP_HEALTH_MAX,
  GOSSIP_INDIRECT_TIMEOUT_MS,
  GOSSIP_NACK_PERCENT,
  GOSSIP_PROBE_MS,
  GOSSIP_PROBE_TIMEOUT_MS,
  GOSSIP_RELAYS_MAX,
} from "../limits.ts";
import type { Instant } from "../time.ts";
import { earliest, instant, later } from "../time.ts";

export interface Probe {
  readonly subject: NodeId;
  readonly seqs: readonly number[];
  readonly sentAt: Instant;
  readonly deadline: Instant;
  readonly indirect: boolean;
  /** Helpers that have neither answered nor declined. */
  readonly mute: number;
  /** It said something since, if not the answer. */
  readonly heard: boolean;
}

/** A probe done for another member. */
export interface Relay {
  readonly subject: NodeId;
  readonly link: number;
  readonly theirSeq: number;
  readonly sentAt: Instant;
  readonly nackAt: Instant | undefined;
  readonly until: Instant;
}

/** What is due, in this order. */
export interface Due {
  readonly start: readonly NodeId[];
  readonly indirect: readonly NodeId[];
  readonly failed: readonly NodeId[];
  readonly nacks: readonly Relay[];
}

export class Detector {
  readonly #random: Random;
  readonly #nextAt = new Map<NodeId, Instant>();
  readonly #probes = new Map<NodeId, Probe>();
  readonly #bySeq = new Map<number, NodeId>();
  readonly #relays = new Map<number, Relay>();
  readonly #rtts = new Map<NodeId, number>();
  #health = 0;
  #seq = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  health(): number {
    return this.#health;
  }

  rttOf(id: NodeId): number | undefined {
    return this.#rtts.get(id);
  }

  observed(): readonly NodeId[] {
    return [...this.#nextAt.keys()];
  }

  worse(): void {
    this.#health = Math.min(GOSSIP_HEALTH_MAX, this.#health + 1);
  }

  /** Observes exactly these from now on; new ones first within one interval. */
  observe(now: Instant, subjects: readonly NodeId[]): void {
    const wanted = new Set(subjects);
    for (const id of this.#nextAt.keys()) {
      if (wanted.has(id)) continue;
      this.#nextAt.delete(id);
      this.#end(id);
      this.#rtts.delete(id);
    }
    for (const id of wanted) {
      if (this.#nextAt.has(id)) continue;
      this.#nextAt.set(id, later(now, this.#random.below(GOSSIP_PROBE_MS)));
    }
  }

  /** A number for a ping to the subject, which an ack will bring back. */
  nextSeq(): number {
    this.#seq += 1;
    return this.#seq;
  }

  begin(now: Instant, subject: NodeId): number {
    const seq = this.nextSeq();
    const deadline = later(now, GOSSIP_PROBE_TIMEOUT_MS * (this.#health + 1));
    const fresh = { subject, seqs: [seq], sentAt: now, deadline } as const;
    this.#probes.set(subject, { ...fresh, indirect: false, mute: 0, heard: false });
    this.#bySeq.set(seq, subject);
    const jitter = this.#random.below(GOSSIP_PROBE_MS / 5) - GOSSIP_PROBE_MS / 10;
    this.#nextAt.set(subject, later(now, GOSSIP_PROBE_MS + jitter));
    return seq;
  }

  /** The second half: one number for the second ping and all helpers. */
  askAround(now: Instant, subject: NodeId, helpers: number): number {
    const seq = this.nextSeq();
    const probe = this.#probes.get(subject);
    if (probe === undefined) return seq;
    const deadline = later(now, GOSSIP_INDIRECT_TIMEOUT_MS * (this.#health + 1));
    const seqs = [...probe.seqs, seq];
    this.#probes.set(subject, { ...probe, seqs, deadline, indirect: true, mute: helpers });
    this.#bySeq.set(seq, subject);
    return seq;
  }

  /** The subject of our own probe that this answers; relays are looked up by `takeRelay`. */
  acked(now: Instant, seq: number): NodeId | undefined {
    const subject = this.#bySeq.get(seq);
    const probe = subject === undefined ? undefined : this.#probes.get(subject);
    if (subject === undefined || probe === undefined) return undefined;
    if (!probe.indirect) this.#rtts.set(subject, now - probe.sentAt);
    this.#end(subject);
    this.#health = Math.max(0, this.#health - 1);
    return subject;
  }

  /** A message of the subject itself, whatever it says (F2). */
  heardFrom(subject: NodeId): void {
    const probe = this.#probes.get(subject);
    if (probe?.heard === false) this.#probes.set(subject, { ...probe, heard: true });
  }

  /** The helper is there: that it has no answer is not our illness. */
  declined(seq: number): void {
    const subject = this.#bySeq.get(seq);
    const probe = subject === undefined ? undefined : this.#probes.get(subject);
    if (probe === undefined || subject === undefined || probe.mute === 0) return;
    this.#probes.set(subject, { ...probe, mute: probe.mute - 1 });
  }

  /** Takes on a probe for another; undefined when there are too many. */
  relay(now: Instant, asked: Pick<Relay, "subject" | "link" | "theirSeq">): number | undefined {
    if (this.#relays.size >= GOSSIP_RELAYS_MAX) return undefined;
    const seq = this.nextSeq();
    const nackAt = later(now, (GOSSIP_INDIRECT_TIMEOUT_MS * GOSSIP_NACK_PERCENT) / 100);
    const until = later(now, GOSSIP_INDIRECT_TIMEOUT_MS * (GOSSIP_HEALTH_MAX + 1));
    this.#relays.set(seq, { ...asked, sentAt: now, nackAt, until });
    return seq;
  }

  takeRelay(seq: number): Relay | undefined {
    const relay = this.#relays.get(seq);
    this.#relays.delete(seq);
    return relay;
  }

  /** Numbers of relays to this subject: their ping waits for a link. */
  relaysTo(subject: NodeId): readonly number[] {
    return [...this.#relays].filter(([, relay]) => relay.subject === subject).map(([seq]) => seq);
  }

  /** What time has brought; failed probes are over, and counted against ourselves (F1). */
  takeDue(now: Instant): Due {
    const indirect: NodeId[] = [];
    const failed: NodeId[] = [];
    for (const probe of [...this.#probes.values()]) {
      if (probe.deadline > now) continue;
      if (probe.heard) {
        this.#end(probe.subject);
        continue;
      }
      if (!probe.indirect) {
        indirect.push(probe.subject);
        continue;
      }
      this.#end(probe.subject);
      failed.push(probe.subject);
      this.worse();
      if (probe.mute > 0) this.worse();
    }
    const start = [...this.#nextAt].filter(([, at]) => at <= now).map(([id]) => id);
    return {
      start: start.filter((id) => !this.#probes.has(id)),
      indirect,
      failed,
      nacks: this.#takeNacks(now),
    };
  }

  /** F3. */
  forgive(milliseconds: number): void {
    this.worse();
    const shift = (at: Instant): Instant => instant(at + milliseconds);
    for (const [id, probe] of this.#probes) {
      this.#probes.set(id, { ...probe, deadline: shift(probe.deadline) });
    }
    for (const [id, at] of this.#nextAt) this.#nextAt.set(id, shift(at));
  }

  wakeAt(): Instant | undefined {
    let first: Instant | undefined;
    for (const [id, at] of this.#nextAt) if (!this.#probes.has(id)) first = earliest(first, at);
    for (const { deadline } of this.#probes.values()) first = earliest(first, deadline);
    for (const { nackAt, until } of this.#relays.values()) first = earliest(first, nackAt ?? until);
    return first;
  }

  probes(): readonly Probe[] {
    return [...this.#probes.values()];
  }

  #takeNacks(now: Instant): readonly Relay[] {
    const due: Relay[] = [];
    for (const [seq, relay] of this.#relays) {
      if (relay.until <= now) this.#relays.delete(seq);
      else if (relay.nackAt !== undefined && relay.nackAt <= now) {
        due.push(relay);
        this.#relays.set(seq, { ...relay, nackAt: undefined });
      }
    }
    return due;
  }

  #end(subject: NodeId): void {
    for (const seq of this.#probes.get(subject)?.seqs ?? []) this.#bySeq.delete(seq);
    this.#probes.delete(subject);
  }
}
