/**
 * From suspicion to verdict: a single one acts at once, what follows closely is gathered, and who
 * would condemn most of the world doubts itself.
 *
 * Invariants:
 *   V1. A verdict is applied at once when none came within GOSSIP_BATCH_QUIET_MS before it; else it
 *       waits for a quiet moment, GOSSIP_BATCH_MAX_MS at most.
 *   V2. A member never condemns more than half of all members within GOSSIP_ISOLATION_MS: it is
 *       isolated, freezes its view, and goes on once somebody answers and that time is over.
 *   V3. Nor does it condemn anybody while it hears nobody at all, and for a while after: in a large
 *       cluster it would else take one ring of observed members after the other for dead.
 */
import type { NodeId } from "../ids.ts";
import {
  GOSSIP_ALONE_AFTER_MS,
  GOSSIP_ALONE_MS,
  GOSSIP_BATCH_MAX_MS,
  GOSSIP_BATCH_QUIET_MS,
  GOSSIP_ISOLATION_MS,
} from "../limits.ts";
import type { Instant } from "../time.ts";
import { instant, later } from "../time.ts";

/** What tells whether the fault is ours. */
export interface World {
  readonly members: number;
  readonly links: number;
  /** When anybody said anything last. */
  readonly heardAt: Instant;
}

export class Verdicts {
  readonly #held = new Set<NodeId>();
  #heldSince: Instant | undefined;
  #releaseAt: Instant | undefined;
  #lastAt: Instant | undefined;
  /** When members were taken for dead lately, whoever said so. */
  #deaths: Instant[] = [];
  #isolatedSince: Instant | undefined;
  /** When it was last found that nobody is heard. */
  #unheardAt: Instant | undefined;

  isIsolated(): boolean {
    return this.#isolatedSince !== undefined;
  }

  held(): ReadonlySet<NodeId> {
    return this.#held;
  }

  /** Offers a subject whose time is over. */
  propose(now: Instant, subject: NodeId): void {
    if (this.#held.has(subject)) return;
    const quiet = this.#lastAt === undefined || now - this.#lastAt >= GOSSIP_BATCH_QUIET_MS;
    this.#lastAt = now;
    const first = this.#held.size === 0;
    this.#held.add(subject);
    this.#heldSince = first || this.#heldSince === undefined ? now : this.#heldSince;
    const quietAt = first && quiet ? now : later(now, GOSSIP_BATCH_QUIET_MS);
    const latest = later(this.#heldSince, GOSSIP_BATCH_MAX_MS);
    this.#releaseAt = quietAt < latest ? quietAt : latest;
  }

  /** It spoke, or is judged already. */
  withdraw(subject: NodeId): void {
    this.#held.delete(subject);
  }

  /** Subjects to condemn now (V1); none while isolated (V2, V3). */
  release(now: Instant, world: World): NodeId[] {
    if (this.#releaseAt === undefined || now < this.#releaseAt) return [];
    if (this.#held.size === 0) {
      this.#releaseAt = undefined;
      return [];
    }
    if (this.#hearsNobody(now, world) || this.#isAlone(now, world)) {
      this.#isolatedSince ??= now;
      this.#releaseAt = later(now, GOSSIP_BATCH_MAX_MS);
      return [];
    }
    this.#isolatedSince = undefined;
    const subjects = [...this.#held];
    this.#held.clear();
    this.#releaseAt = undefined;
    return subjects;
  }

  /** A member was taken for dead, by our own verdict or another's. */
  died(now: Instant): void {
    this.#deaths = this.#deaths.filter((at) => now - at < GOSSIP_ISOLATION_MS);
    this.#deaths.push(now);
  }

  /** Somebody we doubted answers: the world is there again. */
  heardFrom(subject: NodeId): void {
    this.#held.delete(subject);
    if (this.#held.size === 0) this.#isolatedSince = undefined;
  }

  postpone(until: Instant): void {
    if (this.#releaseAt !== undefined && this.#releaseAt < until) this.#releaseAt = until;
  }

  wakeAt(): Instant | undefined {
    return this.#releaseAt;
  }

  /** V3. Of two members the other may well be dead. */
  #hearsNobody(now: Instant, { members, heardAt }: World): boolean {
    if (members > 2 && now - heardAt >= GOSSIP_ALONE_MS) this.#unheardAt = now;
    return this.#unheardAt !== undefined && now - this.#unheardAt < GOSSIP_ALONE_AFTER_MS;
  }

  #isAlone(now: Instant, { members, links }: World): boolean {
    const recent = this.#deaths.filter((at) => now - at < GOSSIP_ISOLATION_MS).length;
    if ((recent + this.#held.size) * 2 <= members) return false;
    const since = this.#isolatedSince ?? now;
    return links === 0 || now < instant(since + GOSSIP_ISOLATION_MS);
  }
}
