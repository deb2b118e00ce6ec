/** Links come and go: whom to have one with, who may have one with us, and what a close tells. */
import type { NodeId } from "../ids.ts";
import type { LinkEnd } from "../io/network.ts";
import { GOSSIP_SWEEP_MS } from "../limits.ts";
import { later } from "../time.ts";
import type { GossipMessage } from "../wire/gossip-messages.ts";
import { GOSSIP_VERSION } from "../wire/gossip-messages.ts";
import { dialOnce } from "./dial-once.ts";
import { sameRoot } from "./hash.ts";
import { alert, takeStatements } from "./judge.ts";
import { pingWaiting } from "./probing.ts";
import type { Turn } from "./protocol.ts";
import { MEMBERS_OWNER } from "./protocol.ts";
import { rememberRoot, sendDigest, sendNews } from "./spread.ts";
import type { GossipState } from "./state.ts";
import { rootOf } from "./state.ts";

type Hello = Extract<GossipMessage, { readonly kind: "hello" }>;

/** Links and probes follow who is live; then dials what is due. */
export function reconcile(state: GossipState, turn: Turn): void {
  if (state.topologyChanged) {
    state.topologyChanged = false;
    const isLive = (id: NodeId): boolean => state.members.isLive(id);
    state.links.want(turn.now, wantedLinks(state, isLive));
    state.detector.observe(turn.now, state.rings.observed(state.self, isLive));
  }
  for (const peer of state.links.takeDue(turn.now)) dialOnce(state, turn, peer);
}

/**
 * Live neighbours; and the neighbours there would be if all were live, so that those who come back
 * from behind a cut are found; managers all among themselves.
 */
function wantedLinks(state: GossipState, isLive: (id: NodeId) => boolean): ReadonlySet<NodeId> {
  const { rings, members, self } = state;
  const wanted = new Set<NodeId>(rings.neighbours(self, isLive));
  for (const id of rings.neighbours(self, () => true)) wanted.add(id);
  if (members.get(self)?.facts.role !== "manager") return wanted;
  for (const id of rings.ids()) {
    if (id !== self && members.get(id)?.facts.role === "manager") wanted.add(id);
  }
  return wanted;
}

export function opened(
  state: GossipState,
  turn: Turn,
  { link, nodeId: peer, dialled }: { link: number; nodeId: NodeId; dialled: boolean },
): void {
  const { links } = state;
  for (const extra of links.opened(turn.now, link, peer, dialled)) {
    links.drop(extra);
    turn.emit({ kind: "close", link: extra, reason: "one link is enough" });
  }
  if (isRemoved(state, peer)) return refuse(state, turn, link, "removed from the cluster");
  if (links.get(link) === undefined) return;
  const { epoch, round } = state;
  const hello = { kind: "hello", version: GOSSIP_VERSION, epoch, round } as const;
  turn.emit({ kind: "send", link, message: { ...hello, root: rootOf(state) } });
  pingWaiting(state, turn, peer);
}

export function greeted(
  state: GossipState,
  turn: Turn,
  from: { readonly link: number; readonly peer: NodeId },
  hello: Hello,
): void {
  const { link, peer } = from;
  if (hello.version !== GOSSIP_VERSION) {
    const reason = `gossip version ${hello.version} is not spoken here: ${GOSSIP_VERSION} is`;
    return refuse(state, turn, link, reason);
  }
  const known = state.members.get(peer);
  const { epoch, round } = hello;
  takeStatements(state, turn, [{ subject: peer, epoch, round, state: "alive" }], peer);
  const now = state.members.get(peer);
  if (known !== undefined && now !== undefined && now.state !== "alive") {
    // What we believe of it is not older than what it says: it will refute.
    const { epoch: e, round: r, state: is } = now;
    const statement = { subject: peer, epoch: e, round: r, state: is };
    sendNews(state, turn, { peer, statements: [statement], deltas: [] });
  }
  rememberRoot(state, turn);
  // One of the two begins; the other answers.
  if (!sameRoot(hello.root, rootOf(state)) && state.self > peer) sendDigest(state, turn, peer);
}

export function closed(state: GossipState, turn: Turn, link: number, kind: LinkEnd["kind"]): void {
  const peer = state.links.get(link)?.peer;
  if (peer === undefined) return;
  const isDead = !state.members.isLive(peer);
  const ended = state.links.closed(turn.now, link, { kind, isDead });
  if (state.links.to(peer) === undefined) {
    state.tree.forget(peer);
    state.differsSince.delete(peer);
  }
  if (ended.refused && !isDead && state.links.isWanted(peer)) alert(state, turn, peer, "refused");
}

/** Links that passed by and are of no use any more. */
export function closeIdle(state: GossipState, turn: Turn): void {
  for (const link of state.links.idle(turn.now)) {
    state.links.drop(link);
    turn.emit({ kind: "close", link, reason: "no longer a neighbour" });
  }
}

/** Compares with one that is no neighbour: heals what neighbours alone would never notice. */
export function sweep(state: GossipState, turn: Turn): void {
  if (turn.now < state.sweepAt) return;
  state.sweepAt = later(turn.now, GOSSIP_SWEEP_MS / 2 + state.random.below(GOSSIP_SWEEP_MS));
  state.spaces.dropTombstones(turn.now);
  const ids = state.rings.ids();
  if (ids.length === 0) return;
  const start = state.random.below(ids.length);
  for (let away = 0; away < ids.length; away += 1) {
    const id = ids[(start + away) % ids.length];
    if (id === undefined || id === state.self || state.links.isWanted(id)) continue;
    if (state.members.isLive(id)) return dialOnce(state, turn, id);
  }
}

function isRemoved(state: GossipState, peer: NodeId): boolean {
  if (state.members.has(peer)) return false;
  return state.spaces.isDeleted(MEMBERS_OWNER, peer);
}

function refuse(state: GossipState, turn: Turn, link: number, reason: string): void {
  state.links.drop(link);
  turn.emit({ kind: "close", link, reason });
  turn.emit({ kind: "note", level: "info", message: "refused a gossip link", fields: { reason } });
}
