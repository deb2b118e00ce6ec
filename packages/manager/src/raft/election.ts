/**
 * Leader election with pre-vote and the vote lease (thesis 3.4, 3.6.1, 4.2.3, 9.6), both always on.
 *
 * Invariants:
 *   E1. A member votes at most once in a term, and the vote is durable before it is sent.
 *   E4. A vote or pre-vote goes only to a candidate whose log is at least as up-to-date: by last
 *       term, then by last index.
 *   E5. While it hears a leader, a member refuses pre-votes and votes, and a vote does not raise
 *       its term.
 *   E7. A pre-vote changes no term; a refusal teaches the asker the higher term, so that a member
 *       with a high term and a short log cannot keep the others from electing one of theirs.
 *
 * A leader whose process is gone (its connection closed and a re-dial was refused, `peer-gone`) is
 * replaced without waiting for the election timeout: its follower drops the lease and pre-campaigns
 * after a short jitter. The others are asked with `force`. That does not override their lease, it
 * shortens it to two heartbeats: a member that hears the leader keeps protecting it, so one broken
 * link deposes nobody; a member that was merely slow to notice joins as soon as two heartbeats are
 * missing. The vote that follows carries `force` and passes the lease: a quorum has by then said
 * that it hears no leader, and that quorum can elect with or without the others. None of this
 * touches safety, which rests on E1 and E4 alone.
 */
import type { RaftId, Term } from "@skein/common/ids";
import { later } from "@skein/common/time";
import { RAFT_LEADER_GONE_TRIES_MAX } from "../limits.ts";
import { quorumContactAge } from "./check-quorum.ts";
import type { MessageOf } from "./protocol.ts";
import { isVoter, voteOutcome, votersOf } from "./quorum.ts";
import {
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  becomePreCandidate,
  forgetLeader,
} from "./role.ts";
import type { RaftState } from "./state.ts";
import { castVote, drawElectionTimeout, effective, nextTerm, send } from "./state.ts";

/** A member begins as a follower; the only voter there is has nobody to wait for. */
export function startElectionClock(state: RaftState): void {
  drawElectionTimeout(state);
  const voters = votersOf(effective(state));
  if (voters.length === 1 && voters[0] === state.id) state.electionAt = state.now;
}

/**
 * `electionAt` has come. A wake that comes late was a stall: heartbeats may wait unread, so once
 * more.
 */
export function electionTimeout(state: RaftState): void {
  const stalled = state.now > later(state.electionAt, state.limits.stallMs);
  if (stalled && !state.forgaveStall) {
    state.forgaveStall = true;
    drawElectionTimeout(state);
    return;
  }
  state.forgaveStall = false;
  if (isVoter(effective(state), state.id)) return preCampaign(state);
  forgetLeader(state);
  drawElectionTimeout(state);
}

/**
 * The leader's process is gone, by evidence of its closed port: no need to wait for the timeout.
 */
export function leaderGone(state: RaftState): void {
  forgetLeader(state);
  if (!isVoter(effective(state), state.id)) return;
  state.goneTries = RAFT_LEADER_GONE_TRIES_MAX;
  state.electionAt = later(state.now, goneTurnMs(state));
}

/** Campaigns at once, past the lease of the others: the leader asked for it (3.10). */
export function receiveTimeoutNow(state: RaftState, from: RaftId): void {
  if (state.role.kind !== "follower" || state.leader !== from) return;
  if (isVoter(effective(state), state.id)) campaign(state, true);
}

export function receivePreVote(
  state: RaftState,
  from: RaftId,
  message: MessageOf<"pre-vote">,
): void {
  const { heartbeatMs, electionTimeoutMsMin } = state.limits;
  const leaseMs = message.force ? 2 * heartbeatMs : electionTimeoutMsMin;
  const granted =
    message.term > state.term && !hearsLeader(state, leaseMs) && isUpToDate(state, message);
  const term = granted ? message.term : state.term; // E7
  send(state, from, { message: { kind: "pre-vote-response", term, granted }, timing: "now" });
}

export function receivePreVoteResponse(
  state: RaftState,
  from: RaftId,
  message: MessageOf<"pre-vote-response">,
): void {
  if (!message.granted && message.term > state.term) {
    becomeFollower(state, message.term, undefined); // E7
    return;
  }
  const { role } = state;
  if (role.kind !== "pre-candidate") return;
  if (message.granted && message.term === nextTerm(state)) role.votes.set(from, true);
  // A refusal of an earlier attempt may arrive late: it does not undo a grant.
  else if (!message.granted && !role.votes.has(from)) role.votes.set(from, false);
  tallyPreVotes(state);
}

/** Whether a vote of a later term is heard at all (E5). */
export function heedsVote(state: RaftState, message: MessageOf<"vote">): boolean {
  return message.force || !hearsLeader(state, state.limits.electionTimeoutMsMin);
}

/** A vote of this very term. */
export function receiveVote(state: RaftState, from: RaftId, message: MessageOf<"vote">): void {
  const free = state.votedFor === undefined && state.leader === undefined;
  const granted = (free || state.votedFor === from) && isUpToDate(state, message); // E1, E4
  if (granted) {
    castVote(state, from);
    if (state.role.kind === "follower")
      state.electionAt = later(state.now, state.electionTimeoutMs);
  }
  answerVote(state, from, granted);
}

/** Durable before it leaves (E1); a refusal tells the term to a candidate that is behind. */
export function answerVote(state: RaftState, to: RaftId, granted: boolean): void {
  const { term } = state;
  send(state, to, { message: { kind: "vote-response", term, granted }, timing: "after-durable" });
}

export function receiveVoteResponse(
  state: RaftState,
  from: RaftId,
  message: MessageOf<"vote-response">,
): void {
  const { role } = state;
  if (role.kind !== "candidate" || role.votes.has(from)) return;
  role.votes.set(from, message.granted);
  tallyVotes(state);
}

/** The candidate's own vote counts from here on, if it is durable now (E6). */
export function countOwnVote(state: RaftState): void {
  const { role } = state;
  if (role.kind !== "candidate" || role.votes.has(state.id)) return;
  if (role.voteSequence > state.persistsDurable) return;
  role.votes.set(state.id, true);
  tallyVotes(state);
}

function preCampaign(state: RaftState): void {
  const force = state.goneTries > 0;
  becomePreCandidate(state, force);
  hastenIfGone(state, state.limits.heartbeatMs);
  if (force) state.goneTries -= 1;
  const term = nextTerm(state);
  ask(state, { kind: "pre-vote", term, ...lastLog(state), force }, "now");
  tallyPreVotes(state);
}

function campaign(state: RaftState, force: boolean): void {
  becomeCandidate(state);
  hastenIfGone(state, 2 * state.limits.heartbeatMs);
  ask(state, { kind: "vote", term: state.term, ...lastLog(state), force }, "after-durable");
}

function tallyPreVotes(state: RaftState): void {
  const { role } = state;
  if (role.kind !== "pre-candidate") return;
  const outcome = voteOutcome(effective(state), role.votes);
  if (outcome === "won") campaign(state, role.force);
  if (outcome !== "lost") return;
  becomeFollower(state, state.term, undefined);
  hastenIfGone(state, state.limits.heartbeatMs);
}

function tallyVotes(state: RaftState): void {
  const { role } = state;
  if (role.kind !== "candidate" || !role.votes.has(state.id)) return; // E6
  const outcome = voteOutcome(effective(state), role.votes);
  if (outcome === "won") becomeLeader(state);
  else if (outcome === "lost") becomeFollower(state, state.term, undefined);
}

function ask(
  state: RaftState,
  message: MessageOf<"vote"> | MessageOf<"pre-vote">,
  timing: "now" | "after-durable",
): void {
  for (const id of votersOf(effective(state))) {
    if (id !== state.id) send(state, id, { message, timing });
  }
}

/** The vote lease (E5). A leader is its own while it has contact with a quorum. */
function hearsLeader(state: RaftState, leaseMs: number): boolean {
  if (state.role.kind === "leader") return quorumContactAge(state, state.role) < leaseMs;
  if (state.leader === undefined || state.leaderHeardAt === undefined) return false;
  return state.now < later(state.leaderHeardAt, leaseMs);
}

/** E4 (3.6.1): lexicographic; a longer log of an older term loses. */
function isUpToDate(
  state: RaftState,
  other: { readonly lastTerm: Term; readonly lastIndex: number },
): boolean {
  const { last, lastTerm } = state.log;
  return other.lastTerm > lastTerm || (other.lastTerm === lastTerm && other.lastIndex >= last);
}

/**
 * After the leader is gone the next attempts come quickly: others may only just have noticed, or
 * two candidates have split the votes. A candidate waits longer: its votes cost a sync of a disk.
 */
function hastenIfGone(state: RaftState, afterMs: number): void {
  if (state.goneTries === 0) return;
  state.electionAt = later(state.now, afterMs + goneTurnMs(state));
}

/**
 * Survivors notice within a millisecond of each other. Drawn from one range, every third pair of
 * them would campaign within the time that a vote takes, and split it; so each has a turn of its
 * own, by rank, with a little chance in it for those who would collide in spite of it.
 */
function goneTurnMs(state: RaftState): number {
  const voters = votersOf(effective(state));
  const turnMs = Math.floor(state.limits.leaderGoneJitterMs / voters.length);
  return voters.indexOf(state.id) * turnMs + state.random.below(Math.floor(turnMs / 2) + 1);
}

function lastLog(state: RaftState) {
  return { lastIndex: state.log.last, lastTerm: state.log.lastTerm };
}
