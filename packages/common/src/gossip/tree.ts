/**
 * The broadcast tree of large clusters (Plumtree, SRDS 2007, on full membership): deltas go along
 * eager links at once, the others only hear of them. A second copy prunes a link, a missing one
 * grafts it again. Which links are in it is a matter of cost alone: repair does not depend on it.
 *
 * Invariants:
 *   T1. Below GOSSIP_TREE_ABOVE members every link is eager.
 *   T2. What was announced and has not come is asked for within GOSSIP_GRAFT_MS.
 */
import type { NodeId } from "../ids.ts";
import { compareIds } from "../ids.ts";
import {
  GOSSIP_GRAFT_MS,
  GOSSIP_HAVE_MS,
  GOSSIP_MISSING_MAX,
  GOSSIP_TREE_ABOVE,
} from "../limits.ts";
import type { Instant } from "../time.ts";
import { earliest, later } from "../time.ts";
import type { VersionRow } from "../wire/gossip-messages.ts";

export interface Graft {
  readonly peer: NodeId;
  readonly owners: readonly NodeId[];
}

export class Tree {
  readonly #lazy = new Set<NodeId>();
  /** Owners to announce, and by whom each was brought last: it knows. */
  readonly #announce = new Map<NodeId, NodeId | undefined>();
  readonly #missing = new Map<NodeId, { readonly peer: NodeId; readonly at: Instant }>();
  #haveAt: Instant | undefined;

  isEager(peer: NodeId, members: number): boolean {
    return members <= GOSSIP_TREE_ABOVE || !this.#lazy.has(peer);
  }

  eager(peer: NodeId): void {
    this.#lazy.delete(peer);
  }

  lazy(peer: NodeId): void {
    this.#lazy.add(peer);
  }

  lazyCount(): number {
    return this.#lazy.size;
  }

  /** The peer's link is gone. */
  forget(peer: NodeId): void {
    this.#lazy.delete(peer);
    for (const [owner, { peer: from }] of this.#missing) {
      if (from === peer) this.#missing.delete(owner);
    }
  }

  /** Lazy links will hear of this owner's new version. */
  announce(now: Instant, owner: NodeId, from: NodeId | undefined): void {
    if (this.#lazy.size === 0) return;
    this.#announce.set(owner, from);
    this.#haveAt ??= later(now, GOSSIP_HAVE_MS);
  }

  takeAnnounced(now: Instant): readonly { readonly owner: NodeId; readonly from?: NodeId }[] {
    if (this.#haveAt === undefined || this.#haveAt > now) return [];
    this.#haveAt = undefined;
    const announced = [...this.#announce]
      .map(([owner, from]) => (from === undefined ? { owner } : { owner, from }))
      .toSorted((a, b) => compareIds(a.owner, b.owner));
    this.#announce.clear();
    return announced;
  }

  lazyPeers(): readonly NodeId[] {
    return [...this.#lazy].sort(compareIds);
  }

  /** A peer has what we lack. */
  missing(now: Instant, [owner]: VersionRow, peer: NodeId): void {
    if (this.#missing.has(owner) || this.#missing.size >= GOSSIP_MISSING_MAX) return;
    this.#missing.set(owner, { peer, at: later(now, GOSSIP_GRAFT_MS) });
  }

  came(owner: NodeId): void {
    this.#missing.delete(owner);
  }

  /** Whom to ask for what (T2). */
  takeGrafts(now: Instant): readonly Graft[] {
    const byPeer = new Map<NodeId, NodeId[]>();
    for (const [owner, { peer, at }] of this.#missing) {
      if (at > now) continue;
      this.#missing.delete(owner);
      byPeer.set(peer, [...(byPeer.get(peer) ?? []), owner]);
    }
    return Array.from(byPeer, ([peer, owners]) => ({ peer, owners })).sort((a, b) =>
      compareIds(a.peer, b.peer),
    );
  }

  wakeAt(): Instant | undefined {
    let first = this.#haveAt;
    for (const { at } of this.#missing.values()) first = earliest(first, at);
    return first;
  }
}
