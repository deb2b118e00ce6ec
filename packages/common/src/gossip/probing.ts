/** The failure detector at work: pings, helpers, answers. detector.ts keeps the books. */
import type { NodeId } from "../ids.ts";
import { compareIds } from "../ids.ts";
import { GOSSIP_HELPERS } from "../limits.ts";
import { dialOnce } from "./dial-once.ts";
import { alert, refute } from "./judge.ts";
import type { Turn } from "./protocol.ts";
import { compareRoots, sendTo } from "./spread.ts";
import type { GossipState } from "./state.ts";
import { rootOf } from "./state.ts";

export function probeDue(state: GossipState, turn: Turn): void {
  const { start, indirect, failed, nacks } = state.detector.takeDue(turn.now);
  for (const { link, theirSeq } of nacks) {
    turn.emit({ kind: "send", link, message: { kind: "nack", seq: theirSeq } });
  }
  for (const subject of failed) alert(state, turn, subject, "silent");
  for (const subject of indirect) askAround(state, turn, subject);
  for (const subject of start) probe(state, turn, subject);
}

function probe(state: GossipState, turn: Turn, subject: NodeId): void {
  const seq = state.detector.begin(turn.now, subject);
  if (state.links.to(subject) === undefined) askAround(state, turn, subject);
  else ping(state, turn, subject, seq);
}

function askAround(state: GossipState, turn: Turn, subject: NodeId): void {
  const helpers = helpersFor(state, subject);
  const seq = state.detector.askAround(turn.now, subject, helpers.length);
  ping(state, turn, subject, seq);
  for (const helper of helpers) sendTo(state, turn, helper, { kind: "ping-req", seq, subject });
}

function ping(state: GossipState, turn: Turn, subject: NodeId, seq: number): void {
  const suspicion = state.suspicions.get(subject);
  const base = { kind: "ping", seq } as const;
  if (suspicion === undefined) return sendTo(state, turn, subject, base);
  const { epoch, round } = suspicion;
  sendTo(state, turn, subject, { ...base, suspected: { epoch, round } });
}

/**
 * As many as there are, GOSSIP_HELPERS at most: neighbours of the subject first, who have a link to
 * it, then any.
 */
export function helpersFor(state: GossipState, subject: NodeId): readonly NodeId[] {
  const peers = state.links.peers().filter((peer) => peer !== subject);
  const isLive = (id: NodeId): boolean => state.members.isLive(id);
  const near = new Set(state.rings.neighbours(subject, isLive));
  const drawn = peers.map((peer) => ({
    peer,
    place: (near.has(peer) ? 0 : 2 ** 16) + state.random.below(2 ** 16),
  }));
  drawn.sort((a, b) => a.place - b.place || compareIds(a.peer, b.peer));
  return drawn.slice(0, GOSSIP_HELPERS).map(({ peer }) => peer);
}

export function pinged(
  state: GossipState,
  turn: Turn,
  link: number,
  asked: { readonly seq: number; readonly suspected?: { epoch: number; round: number } },
): void {
  const { seq, suspected } = asked;
  const health = state.detector.health();
  turn.emit({ kind: "send", link, message: { kind: "ack", seq, root: rootOf(state), health } });
  if (suspected === undefined || suspected.epoch !== state.epoch) return;
  if (suspected.round >= state.round) refute(state, turn, suspected.round);
}

export function asked(
  state: GossipState,
  turn: Turn,
  link: number,
  request: { readonly seq: number; readonly subject: NodeId },
): void {
  const { subject, seq: theirSeq } = request;
  if (!state.members.has(subject) || subject === state.self) return;
  const seq = state.detector.relay(turn.now, { subject, link, theirSeq });
  if (seq === undefined) return;
  if (state.links.to(subject) === undefined) dialOnce(state, turn, subject);
  else ping(state, turn, subject, seq);
}

/** A link to a member opened: probes for others may have waited for it. */
export function pingWaiting(state: GossipState, turn: Turn, subject: NodeId): void {
  for (const seq of state.detector.relaysTo(subject)) ping(state, turn, subject, seq);
}

export function acked(
  state: GossipState,
  turn: Turn,
  from: { readonly link: number; readonly peer: NodeId },
  answer: { readonly seq: number; readonly root: readonly [number, number]; health: number },
): void {
  const relay = state.detector.takeRelay(answer.seq);
  if (relay !== undefined) {
    const message = { ...answer, kind: "ack", seq: relay.theirSeq } as const;
    turn.emit({ kind: "send", link: relay.link, message });
    return;
  }
  const subject = state.detector.acked(turn.now, answer.seq);
  // A relayed answer carries the subject's root: it is the neighbour's that is compared.
  if (subject === undefined || subject === from.peer) {
    compareRoots(state, turn, from.peer, answer.root);
  }
}
