/**
 * How knowledge travels: pushed on every link at once and passed on by whoever it is news to; what
 * a push missed is found by comparing roots and mended row by row (scuttlebutt).
 *
 * Invariants:
 *   P1. What is passed on has changed the state of who passes it on: nothing circulates.
 *   P2. A namespace of somebody who is not a member is neither kept nor passed on.
 *   P3. Statements go to every neighbour; deltas along the tree, else by announcement.
 *   P4. Readers are told of differences of this state, never of what was on the wire.
 */
import type { NodeId } from "../ids.ts";
import {
  GOSSIP_COALESCE_MS,
  GOSSIP_GRAFT_MS,
  GOSSIP_HIDDEN_MS,
  GOSSIP_OUTBOX_MAX,
  GOSSIP_RECENT_ROOTS_MAX,
  GOSSIP_REPAIR_MS,
  GOSSIP_TREE_ABOVE,
} from "../limits.ts";
import { later } from "../time.ts";
import type {
  Delta,
  DigestRow,
  GossipMessage,
  Statement,
  VersionRow,
} from "../wire/gossip-messages.ts";
import { splitDeltas } from "../wire/gossip-messages.ts";
import type { Root } from "./hash.ts";
import { sameRoot } from "./hash.ts";
import type { Turn } from "./protocol.ts";
import { STORE_OWNERS } from "./protocol.ts";
import type { GossipState } from "./state.ts";
import { rootOf } from "./state.ts";

export function sendTo(state: GossipState, turn: Turn, peer: NodeId, message: GossipMessage): void {
  const link = state.links.to(peer);
  if (link !== undefined) turn.emit({ kind: "send", link, message });
}

/** Puts news up for every neighbour but the one it came from (P3). */
export function flood(
  state: GossipState,
  turn: Turn,
  news: { readonly statements?: readonly Statement[]; readonly deltas?: readonly Delta[] },
  from?: NodeId,
): void {
  const { statements, deltas } = state.outbox;
  for (const one of news.statements ?? []) statements.push({ news: one, from });
  for (const one of news.deltas ?? []) deltas.push({ news: one, from });
  const excess = statements.length + deltas.length - GOSSIP_OUTBOX_MAX;
  if (excess > 0) deltas.splice(0, excess);
  if (state.outbox.statements.length + state.outbox.deltas.length > 0) scheduleFlush(state, turn);
}

/** A long answer goes in several messages: none is ever left out. */
export function sendNews(
  state: GossipState,
  turn: Turn,
  news: {
    readonly peer: NodeId;
    readonly statements: readonly Statement[];
    readonly deltas: readonly Delta[];
  },
): void {
  const { peer, statements, deltas } = news;
  const [first = [], ...rest] = splitDeltas(deltas);
  if (statements.length + first.length > 0) {
    sendTo(state, turn, peer, { kind: "news", statements, deltas: first });
  }
  for (const more of rest) {
    sendTo(state, turn, peer, { kind: "news", statements: [], deltas: more });
  }
}

export function takeDeltas(
  state: GossipState,
  turn: Turn,
  from: NodeId,
  deltas: readonly Delta[],
): void {
  const news: Delta[] = [];
  const gaps: VersionRow[] = [];
  let stale = false;
  for (const delta of deltas) {
    if (!isKept(state, turn, delta.owner)) continue; // P2
    const taken = state.spaces.take(turn.now, delta);
    if (taken === "gap") gaps.push(state.spaces.version(delta.owner));
    else if (taken === "old") stale = true;
    else if (taken === "full")
      turn.emit({ kind: "count", name: "skein_gossip_deltas_refused_total" });
    else {
      news.push(delta);
      noteChange(state, delta.owner);
      state.tree.came(delta.owner);
    }
  }
  if (gaps.length > 0) sendTo(state, turn, from, { kind: "graft", rows: gaps });
  flood(state, turn, { deltas: news }, from);
  const inTree = state.members.size() > GOSSIP_TREE_ABOVE && state.tree.isEager(from, Infinity);
  if (news.length > 0) state.tree.eager(from);
  else if (stale && gaps.length === 0 && inTree) {
    state.tree.lazy(from);
    sendTo(state, turn, from, { kind: "prune" });
  }
}

/** News leaves at once after a quiet moment, else with what follows within 10 ms. */
export function scheduleFlush(state: GossipState, turn: Turn): void {
  const { flushedAt } = state;
  const next = flushedAt === undefined ? turn.now : later(flushedAt, GOSSIP_COALESCE_MS);
  state.flushAt ??= next > turn.now ? next : turn.now;
}

/** Own writes first, so that what is only passed on never holds them up. */
export function flushNews(state: GossipState, turn: Turn): void {
  if (state.flushAt === undefined || state.flushAt > turn.now) return;
  flushWrites(state, turn);
  state.flushAt = undefined;
  state.flushedAt = turn.now;
  const { statements, deltas } = state.outbox;
  state.outbox.statements = [];
  state.outbox.deltas = [];
  if (statements.length + deltas.length === 0) return;
  const size = state.members.size();
  for (const peer of state.links.peers()) {
    const isEager = state.tree.isEager(peer, size);
    const mine = <T>({ from }: { readonly news: T; readonly from: NodeId | undefined }): boolean =>
      from !== peer;
    sendNews(state, turn, {
      peer,
      statements: statements.filter(mine).map(({ news }) => news),
      deltas: isEager ? deltas.filter(mine).map(({ news }) => news) : [],
    });
  }
  if (size <= GOSSIP_TREE_ABOVE) return;
  for (const { news, from } of deltas) state.tree.announce(turn.now, news.owner, from);
}

function flushWrites(state: GossipState, turn: Turn): void {
  const put = [...state.writes].filter(
    ([key, value]) => state.spaces.value(state.self, key) !== value,
  );
  state.writes.clear();
  // The first word of a new epoch is sent even when it is empty: it ends the former one (N5).
  if (put.length === 0 && state.spaces.version(state.self)[2] > 0) return;
  const delta = state.spaces.write(turn.now, state.self, { epoch: state.epoch, put });
  noteChange(state, state.self);
  state.outbox.deltas.unshift({ news: delta, from: undefined });
}

/** This process has a new epoch: what it wrote is written again under it. */
export function republish(state: GossipState, turn: Turn): void {
  for (const [key, value] of state.spaces.values(state.self)) {
    if (!state.writes.has(key)) state.writes.set(key, value);
  }
  state.spaces.drop(state.self);
  scheduleFlush(state, turn);
}

/** A peer told its root: equal, or as ours was a moment ago, or different for a while by now. */
export function compareRoots(state: GossipState, turn: Turn, peer: NodeId, root: Root): void {
  rememberRoot(state, turn);
  if (state.recentRoots.some((recent) => sameRoot(recent.root, root))) {
    state.differsSince.delete(peer);
    return;
  }
  const since = state.differsSince.get(peer) ?? turn.now;
  state.differsSince.set(peer, since);
  const busy = state.comparedAt !== undefined && turn.now - state.comparedAt < GOSSIP_REPAIR_MS;
  if (turn.now - since < GOSSIP_REPAIR_MS - GOSSIP_GRAFT_MS || busy) return;
  state.differsSince.delete(peer);
  sendDigest(state, turn, peer);
}

export function sendDigest(state: GossipState, turn: Turn, peer: NodeId): void {
  state.comparedAt = turn.now;
  const rows = Array.from(keptOwners(state), (owner) => rowOf(state, owner));
  sendTo(state, turn, peer, { kind: "digest", rows, answer: true });
  turn.emit({ kind: "count", name: "skein_gossip_repairs_total" });
}

/**
 * Sends what the peer lacks; returns what its rows say of members, for the failure detector, and
 * asks for what we lack ourselves.
 */
export function answerDigest(
  state: GossipState,
  turn: Turn,
  peer: NodeId,
  digest: { readonly rows: readonly DigestRow[]; readonly answer: boolean },
): readonly Statement[] {
  const theirs = new Map(digest.rows.map((row) => [row[0], row]));
  const lacking = { statements: [] as Statement[], deltas: [] as Delta[] };
  const learnt: Statement[] = [];
  const behind: DigestRow[] = [];
  for (const owner of keptOwners(state)) {
    const row = theirs.get(owner) ?? ([owner, 0, 0, 0, 0, 0] as const);
    const [, epoch, seq] = state.spaces.version(owner);
    if (row[1] > epoch || (row[1] === epoch && row[2] > seq)) behind.push(rowOf(state, owner));
    else lacking.deltas.push(...state.spaces.since([owner, row[1], row[2]]));
    const statement = state.members.statementOf(row);
    if (state.members.isNews(statement)) learnt.push(statement);
    else if (isOlder(state, row)) lacking.statements.push(ownStatement(state, owner));
  }
  sendNews(state, turn, { peer, ...lacking });
  if (digest.answer && behind.length > 0) {
    sendTo(state, turn, peer, { kind: "digest", rows: behind, answer: false });
  }
  return learnt;
}

/** The peer wants these brought to it, now and later. */
export function answerGraft(
  state: GossipState,
  turn: Turn,
  peer: NodeId,
  rows: readonly VersionRow[],
): void {
  state.tree.eager(peer);
  const deltas = rows.flatMap((row) => state.spaces.since(row));
  sendNews(state, turn, { peer, statements: [], deltas });
}

export function takeHave(
  state: GossipState,
  turn: Turn,
  peer: NodeId,
  rows: readonly VersionRow[],
): void {
  for (const row of rows) {
    const [, epoch, seq] = state.spaces.version(row[0]);
    const lacks = row[1] > epoch || (row[1] === epoch && row[2] > seq);
    if (lacks && isKept(state, turn, row[0])) state.tree.missing(turn.now, row, peer);
  }
}

/** Announcements and grafts that are due. */
export function tendTree(state: GossipState, turn: Turn): void {
  const announced = state.tree.takeAnnounced(turn.now);
  if (announced.length > 0) {
    for (const peer of state.tree.lazyPeers()) {
      const rows = announced
        .filter(({ from }) => from !== peer)
        .map(({ owner }) => state.spaces.version(owner));
      if (rows.length > 0) sendTo(state, turn, peer, { kind: "have", rows });
    }
  }
  for (const { peer, owners } of state.tree.takeGrafts(turn.now)) {
    state.tree.eager(peer);
    const rows = owners.map((owner) => state.spaces.version(owner));
    sendTo(state, turn, peer, { kind: "graft", rows });
  }
}

export function noteChange(state: GossipState, owner: NodeId): void {
  state.changedOwners.add(owner);
}

export function rememberRoot(state: GossipState, turn: Turn): void {
  const root = rootOf(state);
  const last = state.recentRoots.at(-1);
  if (last !== undefined && sameRoot(last.root, root)) return;
  state.recentRoots.push({ root, at: turn.now });
  const old = (at: number): boolean => turn.now - at > GOSSIP_REPAIR_MS;
  while (state.recentRoots.length > 1) {
    const [first, second] = state.recentRoots;
    const full = state.recentRoots.length > GOSSIP_RECENT_ROOTS_MAX;
    if (first === undefined || second === undefined || !(full || old(second.at))) return;
    state.recentRoots.shift();
  }
}

/** What we hold of a member, as a statement to send. */
export function ownStatement(state: GossipState, subject: NodeId): Statement {
  const member = state.members.get(subject);
  const { epoch = 0, round = 0, state: is = "alive" } = member ?? {};
  return { subject, epoch, round, state: is === "dead" ? "dead" : "alive" };
}

function* keptOwners(state: GossipState): Iterable<NodeId> {
  yield* STORE_OWNERS;
  yield* state.members.ids();
}

/** P2; and what was hidden for so long that it was dropped stays away while its owner does. */
function isKept(state: GossipState, turn: Turn, owner: NodeId): boolean {
  if (STORE_OWNERS.includes(owner)) return true;
  const member = state.members.get(owner);
  if (owner === state.self || member === undefined) return false;
  return member.state !== "dead" || turn.now - member.since < GOSSIP_HIDDEN_MS;
}

function rowOf(state: GossipState, owner: NodeId): DigestRow {
  const [, epoch, seq] = state.spaces.version(owner);
  return [owner, epoch, seq, ...state.members.row(owner)];
}

function isOlder(state: GossipState, row: DigestRow): boolean {
  const [epoch, round, dead] = state.members.row(row[0]);
  if (epoch !== row[3]) return epoch > row[3];
  return round !== row[4] ? round > row[4] : dead > row[5];
}
