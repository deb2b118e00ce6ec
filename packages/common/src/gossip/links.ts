/**
 * Which links there should be, which there are, and when to dial. A link is used both ways,
 * whoever dialled it.
 *
 * Invariants:
 *   L1. A wanted member without a link is being dialled or has a time at which it will be.
 *   L2. Of two links of one pair, the one that the lower id dialled stays; the lower id closes the
 *       other, so that both ends agree.
 *   L3. A link that broke is dialled again at once and a few times more: a refusal is then
 *       evidence, silence is nothing yet.
 *   L4. Only the side that dialled closes a link that it no longer needs.
 */
import type { NodeId } from "../ids.ts";
import { compareIds } from "../ids.ts";
import type { LinkEnd } from "../io/network.ts";
import type { Random } from "../io/random.ts";
import {
  GOSSIP_CONFIRM_MS,
  GOSSIP_CONFIRM_TRIES,
  GOSSIP_DIAL_JITTER_MS,
  GOSSIP_DIAL_MAX_MS,
  GOSSIP_DIAL_MIN_MS,
  GOSSIP_DIAL_REFUSED_MAX_MS,
  GOSSIP_DIAL_SECOND_MS,
  GOSSIP_DIAL_SILENT_MAX_MS,
  GOSSIP_DIALS_MAX,
  GOSSIP_LINK_IDLE_MS,
  GOSSIP_LINKS_MAX,
} from "../limits.ts";
import type { Instant } from "../time.ts";
import { earliest, later } from "../time.ts";

export interface GossipLink {
  readonly number: number;
  readonly peer: NodeId;
  readonly dialled: boolean;
  readonly open: boolean;
  /** Last needed: when it opened, or was of use besides. */
  usedAt: Instant;
}

interface Redial {
  readonly at: Instant;
  readonly failures: number;
  /** Tries left that follow at once (L3). */
  readonly confirms: number;
}

export interface Ended {
  readonly peer: NodeId;
  /** It was open, and no other link of the pair is. */
  readonly broke: boolean;
  readonly refused: boolean;
}

export class Links {
  readonly #self: NodeId;
  readonly #random: Random;
  readonly #links = new Map<number, GossipLink>();
  readonly #byPeer = new Map<NodeId, Set<number>>();
  readonly #redials = new Map<NodeId, Redial>();
  #wanted: ReadonlySet<NodeId> = new Set();
  #nextNumber = 1;
  #open = 0;
  /** Dials under way. */
  #dialling = 0;

  constructor(self: NodeId, random: Random) {
    this.#self = self;
    this.#random = random;
  }

  /** The link to send on. */
  to(peer: NodeId): number | undefined {
    for (const number of this.#byPeer.get(peer) ?? []) {
      if (this.#links.get(number)?.open === true) return number;
    }
    return undefined;
  }

  get(number: number): GossipLink | undefined {
    return this.#links.get(number);
  }

  openCount(): number {
    return this.#open;
  }

  isWanted(peer: NodeId): boolean {
    return this.#wanted.has(peer);
  }

  wanted(): ReadonlySet<NodeId> {
    return this.#wanted;
  }

  /** Peers with an open link, in order of id. */
  peers(): readonly NodeId[] {
    return [...this.#byPeer.keys()].filter((peer) => this.to(peer) !== undefined).sort(compareIds);
  }

  list(): readonly GossipLink[] {
    return [...this.#links.values()].toSorted((a, b) => a.number - b.number);
  }

  want(now: Instant, wanted: ReadonlySet<NodeId>): void {
    this.#wanted = wanted;
    for (const peer of this.#redials.keys()) if (!wanted.has(peer)) this.#redials.delete(peer);
    for (const peer of wanted) {
      if (this.#byPeer.has(peer) || this.#redials.has(peer)) continue;
      const first = compareIds(this.#self, peer) < 0 || this.#open === 0;
      const jitter = this.#random.below(first ? 10 : GOSSIP_DIAL_JITTER_MS);
      const at = later(now, jitter + (first ? 0 : GOSSIP_DIAL_SECOND_MS));
      this.#redials.set(peer, { at, failures: 0, confirms: 0 });
    }
  }

  /** Peers to dial now; who waited longest first, so that dead ones keep nobody waiting. */
  takeDue(now: Instant): readonly NodeId[] {
    const due: { readonly peer: NodeId; readonly at: Instant }[] = [];
    for (const [peer, { at }] of this.#redials) {
      if (at <= now && !this.#byPeer.has(peer)) due.push({ peer, at });
    }
    due.sort((a, b) => a.at - b.at || compareIds(a.peer, b.peer));
    const free = Math.max(0, GOSSIP_DIALS_MAX - this.#dialling);
    return due.slice(0, free).map(({ peer }) => peer);
  }

  /** Undefined: there is a link already, a dial under way, or too many. */
  dial(now: Instant, peer: NodeId): number | undefined {
    if (this.#byPeer.has(peer) || this.#links.size >= GOSSIP_LINKS_MAX) return undefined;
    if (this.#dialling >= GOSSIP_DIALS_MAX) return undefined;
    const number = this.#nextNumber;
    this.#nextNumber += 2;
    this.#put({ number, peer, dialled: true, open: false, usedAt: now });
    return number;
  }

  /** Numbers of links to close as superfluous (L2). */
  opened(now: Instant, number: number, peer: NodeId, dialled: boolean): readonly number[] {
    const known = this.#links.get(number);
    if (known === undefined && dialled) return [number];
    this.#put({ number, peer, dialled, open: true, usedAt: now });
    this.#redials.delete(peer);
    if (compareIds(this.#self, peer) > 0) return [];
    const open = [...(this.#byPeer.get(peer) ?? [])].filter((one) => this.#isOpen(one));
    const keep = open.find((one) => this.#links.get(one)?.dialled === true) ?? open[0];
    return open.filter((one) => one !== keep);
  }

  /** `isDead`: the peer is taken for dead already, there is no hurry. */
  closed(now: Instant, number: number, end: { kind: LinkEnd["kind"]; isDead: boolean }): Ended {
    const link = this.#links.get(number);
    const peer = link?.peer ?? this.#self;
    const none = { peer, broke: false, refused: false };
    if (link === undefined) return none;
    this.#remove(link);
    if (this.#byPeer.has(peer)) return none;
    const refused = link.dialled && !link.open && end.kind === "refused";
    const how = { wasOpen: link.open, refused, silent: end.kind === "timeout", ...end };
    if (this.#wanted.has(peer)) this.#again(now, peer, how);
    return { peer, broke: link.open, refused };
  }

  /** Forgets it at once: we close it ourselves. */
  drop(number: number): void {
    const link = this.#links.get(number);
    if (link !== undefined) this.#remove(link);
  }

  touch(now: Instant, number: number): void {
    const link = this.#links.get(number);
    if (link !== undefined) link.usedAt = now;
  }

  /** L4. */
  idle(now: Instant): readonly number[] {
    return this.list()
      .filter(({ peer, dialled, open, usedAt }) => {
        return dialled && open && !this.#wanted.has(peer) && now - usedAt >= GOSSIP_LINK_IDLE_MS;
      })
      .map(({ number }) => number);
  }

  wakeAt(): Instant | undefined {
    if (this.#dialling >= GOSSIP_DIALS_MAX) return undefined; // The end of a dial wakes us.
    let first: Instant | undefined;
    for (const [peer, { at }] of this.#redials) {
      if (!this.#byPeer.has(peer)) first = earliest(first, at);
    }
    return first;
  }

  #again(
    now: Instant,
    peer: NodeId,
    how: {
      readonly wasOpen: boolean;
      readonly refused: boolean;
      readonly silent: boolean;
      readonly isDead: boolean;
    },
  ): void {
    const { failures = 0, confirms = 0 } = this.#redials.get(peer) ?? {};
    if (how.wasOpen) {
      this.#redials.set(peer, { at: now, failures: 0, confirms: GOSSIP_CONFIRM_TRIES });
    } else if (confirms > 0 && !how.refused) {
      const at = later(now, GOSSIP_CONFIRM_MS);
      this.#redials.set(peer, { at, failures, confirms: confirms - 1 });
    } else {
      const pause = Math.min(longestPauseMs(how), GOSSIP_DIAL_MIN_MS * 2 ** Math.min(failures, 10));
      const at = later(now, Math.ceil(pause * 0.75) + this.#random.below(Math.ceil(pause / 2)));
      this.#redials.set(peer, { at, failures: failures + 1, confirms: 0 });
    }
  }

  #isOpen(number: number): boolean {
    return this.#links.get(number)?.open === true;
  }

  #put(link: GossipLink): void {
    const known = this.#links.get(link.number);
    if (known !== undefined) this.#count(known, -1);
    this.#count(link, 1);
    this.#links.set(link.number, link);
    const numbers = this.#byPeer.get(link.peer) ?? new Set();
    numbers.add(link.number);
    this.#byPeer.set(link.peer, numbers);
  }

  #count({ open, dialled }: GossipLink, by: 1 | -1): void {
    if (open) this.#open += by;
    else if (dialled) this.#dialling += by;
  }

  #remove(link: GossipLink): void {
    this.#count(link, -1);
    this.#links.delete(link.number);
    const numbers = this.#byPeer.get(link.peer);
    numbers?.delete(link.number);
    if (numbers?.size === 0) this.#byPeer.delete(link.peer);
  }
}

/** A dial without an answer took its time already: whoever is back behind a cut is found soon. */
function longestPauseMs(how: { refused: boolean; silent: boolean; isDead: boolean }): number {
  if (how.refused && how.isDead) return GOSSIP_DIAL_REFUSED_MAX_MS;
  return how.silent ? GOSSIP_DIAL_SILENT_MAX_MS : GOSSIP_DIAL_MAX_MS;
}
