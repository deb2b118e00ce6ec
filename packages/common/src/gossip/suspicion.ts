/**
 * Suspicions and how long they last (Lifeguard §IV-B; several observers, as in Rapid §4.2).
 *
 * Invariants:
 *   S1. A suspicion names an epoch and a round; whoever is heard of with a later one is cleared.
 *   S2. An observer counts once. More observers only shorten the time that is left.
 *   S3. `refused` seen by two observers needs no time at all: two hosts were told by a kernel that
 *       nobody listens. Seen by one, it leaves the accused time to speak.
 */
import type { NodeId } from "../ids.ts";
import { compareIds } from "../ids.ts";
import {
  GOSSIP_REFUSED_MS,
  GOSSIP_RINGS,
  GOSSIP_SUSPECT_MAX_MS,
  GOSSIP_SUSPECT_MIN_MS,
} from "../limits.ts";
import type { Instant } from "../time.ts";
import { earliest, later } from "../time.ts";
import type { Statement } from "../wire/gossip-messages.ts";
import type { Evidence } from "./protocol.ts";

export interface Suspicion {
  readonly subject: NodeId;
  readonly epoch: number;
  readonly round: number;
  readonly since: Instant;
  readonly silent: ReadonlySet<NodeId>;
  readonly refused: ReadonlySet<NodeId>;
  readonly until: Instant;
}

/** Independent observers that make a silence believed soon: half of those there are, 2 at most. */
export function observersNeeded(members: number): number {
  return Math.max(1, Math.ceil(Math.min(GOSSIP_RINGS, members - 2) / 2));
}

/** How long a silence seen by so many observers is suspected before it is believed. */
export function suspicionMs(observers: number, needed: number): number {
  if (observers >= needed) return GOSSIP_SUSPECT_MIN_MS;
  const span = GOSSIP_SUSPECT_MAX_MS - GOSSIP_SUSPECT_MIN_MS;
  const share = Math.log(observers) / Math.log(needed);
  return Math.round(GOSSIP_SUSPECT_MAX_MS - span * share);
}

export class Suspicions {
  readonly #suspicions = new Map<NodeId, Suspicion>();

  get(subject: NodeId): Suspicion | undefined {
    return this.#suspicions.get(subject);
  }

  /** Sorted by subject. */
  list(): readonly Suspicion[] {
    return [...this.#suspicions.values()].toSorted((a, b) => compareIds(a.subject, b.subject));
  }

  /** An observer's alert; true when it says something new. */
  add(now: Instant, alert: Statement, members: number): boolean {
    const { subject, epoch, round } = alert;
    const known = this.#suspicions.get(subject);
    const same = known !== undefined && known.epoch === epoch && known.round === round;
    const silent = new Set(same ? known.silent : []);
    const refused = new Set(same ? known.refused : []);
    const observers = alert.evidence === "refused" ? refused : silent;
    if (alert.observer === undefined || observers.has(alert.observer)) return false; // S2
    observers.add(alert.observer);
    const since = same ? known.since : now;
    const due = later(since, waitMs({ silent, refused }, observersNeeded(members)));
    const until = earliest(same ? known.until : undefined, due) ?? due;
    const suspicion = { subject, epoch, round, since, silent, refused, until };
    this.#suspicions.set(subject, suspicion);
    return true;
  }

  clear(subject: NodeId): void {
    this.#suspicions.delete(subject);
  }

  due(now: Instant): readonly Suspicion[] {
    return this.list().filter(({ until }) => until <= now);
  }

  /** Nobody is judged before this: we were stalled, or are cut off ourselves. */
  postpone(until: Instant): void {
    for (const [subject, suspicion] of this.#suspicions) {
      if (suspicion.until < until) this.#suspicions.set(subject, { ...suspicion, until });
    }
  }

  wakeAt(): Instant | undefined {
    let first: Instant | undefined;
    for (const { until } of this.#suspicions.values()) first = earliest(first, until);
    return first;
  }
}

export function evidenceOf({ refused }: Suspicion): Evidence {
  return refused.size > 0 ? "refused" : "silent";
}

function waitMs(
  { silent, refused }: Pick<Suspicion, "silent" | "refused">,
  needed: number,
): number {
  if (refused.size >= 2) return 0; // S3
  if (refused.size === 1) return GOSSIP_REFUSED_MS;
  return suspicionMs(silent.size, needed);
}
