/**
 * Who is admitted (by the store) and what is said of each (SWIM §4.2, with epochs for restarts).
 *
 * Invariants:
 *   M1. What is known of a member only moves forward: by epoch, then round, then alive < suspect
 *       < dead.
 *   M2. Only the member itself raises its epoch and round.
 *   M3. Gossip says who is reachable; it neither admits nor removes.
 */
import type { NodeId } from "../ids.ts";
import { compareIds } from "../ids.ts";
import type { Instant } from "../time.ts";
import type { DigestRow, Statement } from "../wire/gossip-messages.ts";
import type { Root } from "./hash.ts";
import { RootSum } from "./hash.ts";
import type { Evidence, MemberFacts } from "./protocol.ts";

export type MemberState = "alive" | "suspect" | "dead";

export interface Member {
  readonly id: NodeId;
  readonly facts: MemberFacts;
  /** 0: never heard of. */
  readonly epoch: number;
  readonly round: number;
  readonly state: MemberState;
  readonly evidence: Evidence | undefined;
  readonly since: Instant;
}

const RANK: Readonly<Record<MemberState, number>> = { alive: 0, suspect: 1, dead: 2 };

export class Members {
  readonly #members = new Map<NodeId, Member>();
  readonly #root = new RootSum();
  #dead = 0;

  get(id: NodeId): Member | undefined {
    return this.#members.get(id);
  }

  has(id: NodeId): boolean {
    return this.#members.has(id);
  }

  size(): number {
    return this.#members.size;
  }

  liveCount(): number {
    return this.#members.size - this.#dead;
  }

  isLive(id: NodeId): boolean {
    const member = this.#members.get(id);
    return member !== undefined && member.state !== "dead";
  }

  /** Sorted by id. */
  list(): readonly Member[] {
    return [...this.#members.values()].toSorted((a, b) => compareIds(a.id, b.id));
  }

  ids(): IterableIterator<NodeId> {
    return this.#members.keys();
  }

  admit(now: Instant, id: NodeId, facts: MemberFacts): void {
    const known = this.#members.get(id);
    if (known !== undefined) {
      this.#members.set(id, { ...known, facts });
      return;
    }
    const fresh = { id, facts, epoch: 0, round: 0, evidence: undefined, since: now } as const;
    this.#put({ ...fresh, state: "alive" });
  }

  expel(id: NodeId): void {
    const known = this.#members.get(id);
    if (known === undefined) return;
    this.#toggle(known);
    if (known.state === "dead") this.#dead -= 1;
    this.#members.delete(id);
  }

  /** True when the statement says more than is known (M1). */
  isNews({ subject, epoch, round, state }: Statement): boolean {
    const known = this.#members.get(subject);
    if (known === undefined) return false;
    if (epoch !== known.epoch) return epoch > known.epoch;
    if (round !== known.round) return round > known.round;
    return RANK[state] > RANK[known.state];
  }

  /** Takes it over; true when it was news. */
  take(now: Instant, statement: Statement): boolean {
    const known = this.#members.get(statement.subject);
    if (known === undefined || !this.isNews(statement)) return false;
    const { epoch, round, state, evidence } = statement;
    const since = state === known.state ? known.since : now;
    this.#put({ ...known, epoch, round, state, evidence, since });
    return true;
  }

  root(): Root {
    return this.#root.lanes();
  }

  /** The part of a digest row that speaks of the member. */
  row(id: NodeId): readonly [number, number, number] {
    const { epoch = 0, round = 0, state = "alive" } = this.#members.get(id) ?? {};
    return [epoch, round, state === "dead" ? 1 : 0];
  }

  /** What a peer's row says, as a statement. */
  statementOf([subject, , , epoch, round, dead]: DigestRow): Statement {
    return { subject, epoch, round, state: dead === 1 ? "dead" : "alive" };
  }

  #put(member: Member): void {
    const known = this.#members.get(member.id);
    if (known !== undefined) {
      this.#toggle(known);
      if (known.state === "dead") this.#dead -= 1;
    }
    this.#members.set(member.id, member);
    if (member.state === "dead") this.#dead += 1;
    this.#toggle(member);
  }

  /** Suspicion is no knowledge yet: it does not count. */
  #toggle({ id, epoch, round, state }: Member): void {
    this.#root.toggle(id, [epoch, round, state === "dead" ? 1 : 0]);
  }
}
