/**
 * The gossip member: who is there, how they fare, and what each says of itself
 * (docs/design/gossip.md). SWIM (DSN 2002) with Lifeguard (DSN-W 2018), observers on K rings as in
 * Rapid (ATC 2018), scuttlebutt namespaces, Plumtree above a hundred members, over links that do
 * not lose messages but stall.
 *
 * Parts, each with its invariants: rings (R), members (M), detector (F), suspicion (S), verdicts
 * (V), judge (J), namespaces (N), spread (P), links (L), tree (T).
 *
 * G1. The store admits and removes; gossip says who is reachable (M3).
 * G2. A time in which this process stood still is nobody's silence (F3).
 */
import { unreachable } from "../assert.ts";
import type { Machine, Wake } from "../host/machine.ts";
import type { NodeId } from "../ids.ts";
import { nodeId } from "../ids.ts";
import {
  GOSSIP_HOUSEKEEPING_MS,
  GOSSIP_KEYS_MAX,
  GOSSIP_MEMBERS_MAX,
  GOSSIP_SPACE_CHARACTERS_MAX,
  GOSSIP_STALL_GRACE_MS,
  GOSSIP_STALL_MS,
  GOSSIP_VALUE_CHARACTERS_MAX,
} from "../limits.ts";
import type { Instant } from "../time.ts";
import { earliest, later } from "../time.ts";
import type { GossipMessage } from "../wire/gossip-messages.ts";
import { judge, sayAlive, takeStatements } from "./judge.ts";
import { closed, closeIdle, greeted, opened, reconcile, sweep } from "./linking.ts";
import { memberFactsOf } from "./member-facts.ts";
import { acked, asked, pinged, probeDue } from "./probing.ts";
import type { GossipEffect, GossipInput, Turn } from "./protocol.ts";
import { MEMBERS_OWNER, STORE_OWNERS } from "./protocol.ts";
import {
  answerDigest,
  answerGraft,
  flood,
  flushNews,
  noteChange,
  scheduleFlush,
  sendDigest,
  takeDeltas,
  takeHave,
  tendTree,
} from "./spread.ts";
import type { GossipOptions, GossipState } from "./state.ts";
import { newState } from "./state.ts";

export type { GossipOptions } from "./state.ts";

type Input<K extends GossipInput["kind"]> = Extract<GossipInput, { readonly kind: K }>;

export function createGossip(options: GossipOptions): Gossip {
  return new Gossip(options);
}

export class Gossip implements Machine<GossipInput, GossipEffect> {
  readonly #state: GossipState;
  #promisedAt: Instant | undefined;

  constructor(options: GossipOptions) {
    this.#state = newState(options);
  }

  step(now: Instant, input: GossipInput | Wake): readonly GossipEffect[] {
    const effects: GossipEffect[] = [];
    const turn: Turn = { now, emit: (effect) => effects.push(effect) };
    this.#forgiveStall(turn);
    this.#take(turn, input);
    this.#followStore(turn);
    probeDue(this.#state, turn);
    judge(this.#state, turn);
    flushNews(this.#state, turn);
    tendTree(this.#state, turn);
    if (now >= this.#state.housekeepingAt) this.#housekeeping(turn);
    reconcile(this.#state, turn);
    this.#tellReaders(turn);
    this.#promisedAt = this.wakeAt();
    return effects;
  }

  wakeAt(): Instant | undefined {
    const { detector, verdicts, links, tree, flushAt, housekeepingAt } = this.#state;
    const judging = earliest(suspicionsWake(this.#state), verdicts.wakeAt());
    const moving = earliest(earliest(links.wakeAt(), tree.wakeAt()), flushAt);
    return earliest(earliest(detector.wakeAt(), judging), earliest(moving, housekeepingAt));
  }

  /** A look inside: for readers, `describe` and the invariants. Never changed by them. */
  inspect(): Readonly<GossipState> {
    return this.#state;
  }

  /** What an owner says; nothing while it is dead or no member (hidden, not deleted). */
  values(owner: NodeId): readonly (readonly [string, string])[] {
    const { members, spaces } = this.#state;
    return STORE_OWNERS.includes(owner) || members.isLive(owner) ? spaces.values(owner) : [];
  }

  #take(turn: Turn, input: GossipInput | Wake): void {
    switch (input.kind) {
      case "wake":
        return;
      case "opened":
        return opened(this.#state, turn, input);
      case "received":
        return this.#received(turn, input);
      case "closed":
        return closed(this.#state, turn, input.link, input.end);
      case "store":
        return this.#stored(turn, input);
      case "write":
        return this.#write(turn, input);
      case "leave":
        return this.#leave(turn);
      default:
        return unreachable(input);
    }
  }

  #received(turn: Turn, { link, message }: Input<"received">): void {
    const peer = this.#state.links.get(link)?.peer;
    if (peer === undefined) return;
    this.#state.detector.heardFrom(peer);
    this.#state.heardAt = turn.now;
    this.#heard(turn, { link, peer }, message);
  }

  #heard(turn: Turn, from: { link: number; peer: NodeId }, message: GossipMessage): void {
    const state = this.#state;
    const { link, peer } = from;
    switch (message.kind) {
      case "hello":
        return greeted(state, turn, from, message);
      case "ping":
        return pinged(state, turn, link, message);
      case "ack":
        return acked(state, turn, from, message);
      case "ping-req":
        return asked(state, turn, link, message);
      case "nack":
        return state.detector.declined(message.seq);
      case "news":
        takeStatements(state, turn, message.statements, peer);
        return takeDeltas(state, turn, peer, message.deltas);
      case "digest":
        return takeStatements(state, turn, answerDigest(state, turn, peer, message));
      case "have":
        return takeHave(state, turn, peer, message.rows);
      case "graft":
        return answerGraft(state, turn, peer, message.rows);
      case "prune":
        return state.tree.lazy(peer);
      default:
        return unreachable(message);
    }
  }

  /**
   * The store's word. It is not pushed: every member with a session hears it from the leader
   * itself; the others find it by comparing.
   */
  #stored(turn: Turn, { owner, index, complete, put, remove }: Input<"store">): void {
    const { spaces } = this.#state;
    if (index <= spaces.version(owner)[2] || !STORE_OWNERS.includes(owner)) return;
    const told = new Set(put.map(({ key }) => key));
    const gone = complete
      ? spaces.values(owner).flatMap(([key]) => (told.has(key) ? [] : [key]))
      : remove;
    const changes: (readonly [string, string | undefined])[] = [
      ...put
        .filter(({ key, value }) => spaces.value(owner, key) !== value)
        .map(({ key, value }) => [key, value] as const),
      ...gone.map((key) => [key, undefined] as const),
    ];
    spaces.write(turn.now, owner, { epoch: 1, seq: index, put: changes });
    noteChange(this.#state, owner);
  }

  /** Admits and expels as the store's namespace of members says, whoever brought it. */
  #followStore(turn: Turn): void {
    const state = this.#state;
    if (!state.changedOwners.has(MEMBERS_OWNER)) return;
    const named = new Set<NodeId>();
    for (const [key, value] of state.spaces.values(MEMBERS_OWNER)) {
      const facts = memberFactsOf(value);
      if (facts === undefined || named.size >= GOSSIP_MEMBERS_MAX) continue;
      const id = nodeId(key);
      named.add(id);
      const known = state.members.get(id);
      if (known?.facts.address === facts.address && known.facts.role === facts.role) continue;
      state.members.admit(turn.now, id, facts);
      state.rings.put(id);
      this.#admitted(turn, id);
    }
    for (const id of [...state.members.ids()]) if (!named.has(id)) this.#expel(turn, id);
  }

  #admitted(turn: Turn, id: NodeId): void {
    const state = this.#state;
    state.topologyChanged = true;
    state.membersChanged = true;
    if (id === state.self) {
      sayAlive(state, turn);
      scheduleFlush(state, turn);
    } else if (state.links.to(id) !== undefined) {
      sendDigest(state, turn, id);
    }
  }

  #expel(turn: Turn, id: NodeId): void {
    const state = this.#state;
    state.members.expel(id);
    state.rings.remove(id);
    if (id !== state.self) state.spaces.drop(id);
    state.suspicions.clear(id);
    state.verdicts.withdraw(id);
    state.topologyChanged = true;
    state.membersChanged = true;
    noteChange(state, id);
    const link = state.links.to(id);
    if (link === undefined) return;
    state.links.drop(link);
    turn.emit({ kind: "close", link, reason: "removed from the cluster" });
  }

  #write(turn: Turn, { key, value }: Input<"write">): void {
    const { spaces, self, writes } = this.#state;
    const known = spaces.value(self, key) !== undefined || writes.has(key);
    const size = key.length + (value?.length ?? 0);
    const full =
      (!known && spaces.keyCount(self) + writes.size >= GOSSIP_KEYS_MAX) ||
      spaces.characters(self) + size > GOSSIP_SPACE_CHARACTERS_MAX;
    if (full || size > GOSSIP_VALUE_CHARACTERS_MAX) {
      turn.emit({ kind: "count", name: "skein_gossip_writes_refused_total" });
      return;
    }
    writes.set(key, value);
    scheduleFlush(this.#state, turn);
  }

  #leave(turn: Turn): void {
    const { self: subject, epoch, round } = this.#state;
    this.#state.left = true;
    const dead = { subject, epoch, round, state: "dead", evidence: "left" } as const;
    flood(this.#state, turn, { statements: [dead] });
  }

  /** G2. */
  #forgiveStall(turn: Turn): void {
    const lateMs = this.#promisedAt === undefined ? 0 : turn.now - this.#promisedAt;
    if (lateMs < GOSSIP_STALL_MS) return;
    const { detector, suspicions, verdicts } = this.#state;
    detector.forgive(lateMs);
    suspicions.postpone(later(turn.now, GOSSIP_STALL_GRACE_MS));
    verdicts.postpone(later(turn.now, GOSSIP_STALL_GRACE_MS));
    turn.emit({ kind: "count", name: "skein_gossip_stalls_total" });
  }

  #housekeeping(turn: Turn): void {
    this.#state.housekeepingAt = later(turn.now, GOSSIP_HOUSEKEEPING_MS);
    closeIdle(this.#state, turn);
    sweep(this.#state, turn);
  }

  #tellReaders(turn: Turn): void {
    const { changedOwners, membersChanged: members } = this.#state;
    if (changedOwners.size === 0 && !members) return;
    const owners = [...changedOwners].sort();
    turn.emit({ kind: "changed", owners, members });
    changedOwners.clear();
    this.#state.membersChanged = false;
  }
}

/** A subject that is held for its verdict is woken for by the verdict, not by its suspicion. */
function suspicionsWake({ suspicions, verdicts }: GossipState): Instant | undefined {
  let first: Instant | undefined;
  for (const { subject, until } of suspicions.list()) {
    if (!verdicts.held().has(subject)) first = earliest(first, until);
  }
  return first;
}
