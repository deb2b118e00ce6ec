/**
 * Linearizable reads without the log (thesis 6.4).
 *
 * A leader may answer a read at its commit index if, after the read arrived, a quorum still took it
 * for the leader. Reads are confirmed by heartbeat rounds, never by the read's own identity: an
 * answer to a retried question could otherwise confirm a read that began after the answer was sent.
 *
 * Invariants:
 *   I1. A read is registered only once the leader committed in its own term: before that its commit
 *       index may lag behind what its predecessor acknowledged.
 *   I2. A read waits for a round that begins after it was registered, answered by a quorum of the
 *       configuration in effect now.
 *   I3. `read-ready` leaves when the state machine has applied the read's index.
 *   I4. A follower asks its leader; the tokens of one question all arrived before it was first
 *       sent.
 */
import type { LogIndex, RaftId } from "@skein/common/ids";
import { later } from "@skein/common/time";
import { hasQuorumContact } from "./check-quorum.ts";
import { broadcastHeartbeat } from "./heartbeat.ts";
import { toIndex } from "./log.ts";
import type { MessageOf, RaftEffect } from "./protocol.ts";
import { quorumFloor } from "./quorum.ts";
import type { LeaderRead, LeaderRole, RaftState } from "./state.ts";
import { effective, refuse, send } from "./state.ts";

export function read(state: RaftState, token: number): void {
  const { role, reads } = state;
  if (waitingReads(state) >= state.limits.readsMax) return refuse(state, token, "overloaded");
  if (role.kind === "leader") {
    if (!hasQuorumContact(state, role)) return refuse(state, token, "no-quorum");
    role.reads.push({ source: { kind: "local", token }, registered: undefined });
  } else if (state.leader === undefined) {
    refuse(state, token, "not-leader");
  } else {
    reads.queued.push(token);
  }
}

/** A follower's question (I4). Asked again while it waits: answered once, by either copy. */
export function receiveReadIndex(
  state: RaftState,
  from: RaftId,
  message: MessageOf<"read-index">,
): void {
  const { role } = state;
  if (role.kind !== "leader" || !hasQuorumContact(state, role)) {
    answer(state, { from, id: message.id }, undefined);
    return;
  }
  const source = { kind: "remote", from, id: message.id } as const;
  if (role.reads.some((waiting) => sameSource(waiting.source, source))) return;
  if (waitingReads(state) >= state.limits.readsMax) answer(state, source, undefined);
  else role.reads.push({ source, registered: undefined });
}

export function receiveReadIndexResponse(
  state: RaftState,
  message: MessageOf<"read-index-response">,
): void {
  const { asked, confirmed } = state.reads;
  if (asked === undefined || asked.id !== message.id) return;
  state.reads.asked = undefined;
  for (const token of asked.tokens) {
    if (message.index === undefined) refuse(state, token, "no-quorum");
    else confirmed.push({ token, index: message.index });
  }
}

/** The leader's part after every step: registers, begins a round if one is wanted, completes. */
export function advanceReads(state: RaftState, leader: LeaderRole): void {
  if (leader.reads.length === 0) return;
  if (state.commit >= leader.noopIndex) {
    for (const waiting of leader.reads) {
      waiting.registered ??= { index: state.commit, round: leader.round + 1 }; // I1, I2
    }
  }
  const wanted = leader.reads.some((waiting) => (waiting.registered?.round ?? 0) > leader.round);
  // One round at a time: what arrives meanwhile shares the next one.
  if (wanted && confirmedRound(state, leader) >= leader.round) broadcastHeartbeat(state, leader);
  completeReads(state, leader);
}

/** The follower's part after every step: asks the leader, one question at a time. */
export function forwardReads(state: RaftState): void {
  const { reads, leader } = state;
  if (leader === undefined) return;
  if (reads.asked === undefined && reads.queued.length > 0) {
    reads.asked = { id: reads.nextId, tokens: reads.queued, retryAt: state.now };
    reads.nextId += 1;
    reads.queued = [];
  }
  const { asked } = reads;
  if (asked === undefined || state.now < asked.retryAt) return;
  asked.retryAt = later(state.now, state.limits.heartbeatMs);
  const message = { kind: "read-index", term: state.term, id: asked.id } as const;
  send(state, leader, { message, timing: "now" });
}

/** Confirmed reads whose index the state machine has reached (I3). */
export function takeReadyReads(state: RaftState): readonly RaftEffect[] {
  const { confirmed } = state.reads;
  if (confirmed.length === 0) return [];
  const ready = confirmed.filter((waiting) => waiting.index <= state.applied);
  state.reads.confirmed = confirmed.filter((waiting) => waiting.index > state.applied);
  return ready.map(({ token, index }) => ({ kind: "read-ready", token, index }));
}

/** The leader changed: nobody will answer what was asked of the former one. */
export function abandonForwardedReads(state: RaftState): void {
  const { reads } = state;
  const tokens = [...(reads.asked?.tokens ?? []), ...reads.queued];
  reads.asked = undefined;
  reads.queued = [];
  for (const token of tokens) refuse(state, token, "not-leader");
}

/** This leader steps down: its unconfirmed reads will never be confirmed. */
export function abandonLeaderReads(state: RaftState, leader: LeaderRole): void {
  for (const { source } of leader.reads) {
    if (source.kind === "local") refuse(state, source.token, "not-leader");
    else answer(state, source, undefined);
  }
  leader.reads = [];
}

export function waitingReads(state: RaftState): number {
  const { queued, asked, confirmed } = state.reads;
  const atLeader = state.role.kind === "leader" ? state.role.reads.length : 0;
  return queued.length + (asked?.tokens.length ?? 0) + confirmed.length + atLeader;
}

function completeReads(state: RaftState, leader: LeaderRole): void {
  const confirmed = confirmedRound(state, leader);
  const waiting: LeaderRead[] = [];
  for (const item of leader.reads) {
    const { registered, source } = item;
    if (registered === undefined || registered.round > confirmed) waiting.push(item);
    else if (source.kind === "remote") answer(state, source, registered.index);
    else state.reads.confirmed.push({ token: source.token, index: registered.index });
  }
  leader.reads = waiting;
}

/** The newest round that a quorum has answered; this leader answers its own rounds at once. */
function confirmedRound(state: RaftState, leader: LeaderRole): number {
  return quorumFloor(effective(state), (id) =>
    id === state.id ? leader.round : (leader.peers.get(id)?.round ?? 0),
  );
}

function answer(
  state: RaftState,
  to: { readonly from: RaftId; readonly id: number },
  index: LogIndex | undefined,
): void {
  const { term } = state;
  const base = { kind: "read-index-response", term, id: to.id } as const;
  const message = index === undefined ? base : { ...base, index: toIndex(index) };
  send(state, to.from, { message, timing: "now" });
}

function sameSource(a: LeaderRead["source"], b: LeaderRead["source"]): boolean {
  return a.kind === "remote" && b.kind === "remote" && a.from === b.from && a.id === b.id;
}
