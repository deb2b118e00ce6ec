/**
 * Changes of role (thesis figure 3.3). `become…` here and nothing else changes the role.
 *
 *   E2. The vote of a term outlives every change of role within that term (S1).
 *   E3. Only a voter of the configuration in effect campaigns.
 *   E6. A candidate counts its own vote, and asks for others, only when its term and vote are
 *       durable: else it could, after a crash, lead the same term twice with different logs.
 */
import { assert } from "@skein/common/assert";
import type { RaftId, Term } from "@skein/common/ids";
import { later } from "@skein/common/time";
import { entryBytes, toIndex } from "./log.ts";
import type { Progress } from "./progress.ts";
import { createProgress } from "./progress.ts";
import { isVoter, membersOf } from "./quorum.ts";
import { abandonForwardedReads, abandonLeaderReads } from "./read-index.ts";
import { appendOwn } from "./replication.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { castVote, drawElectionTimeout, effective, enterTerm, nextTerm } from "./state.ts";

/** Follows `leader` in `term`, or waits for one. The vote of the current term is kept (E2). */
export function becomeFollower(state: RaftState, term: Term, leader: RaftId | undefined): void {
  if (term > state.term) {
    enterTerm(state, term);
    state.goneTries = 0;
  }
  assert(term === state.term, `following in term ${term}, now is ${state.term}`);
  const left = state.role;
  state.role = { kind: "follower" };
  if (left.kind === "leader") abandonLeaderReads(state, left);
  setLeader(state, leader);
  drawElectionTimeout(state);
}

/** The leader of this term spoke. */
export function hearLeader(state: RaftState, from: RaftId): void {
  // Election safety, seen from here: whoever leads this term leads it alone.
  const other = state.leader !== undefined && state.leader !== from;
  assert(!other, `two leaders in term ${state.term}: ${state.leader}, ${from}`);
  if (state.role.kind !== "follower" || state.leader !== from) {
    becomeFollower(state, state.term, from);
  }
  state.leaderHeardAt = state.now;
  state.electionAt = later(state.now, state.electionTimeoutMs);
  state.goneTries = 0;
  state.forgaveStall = false;
}

/**
 * The leader is not heard any more, or is known to be gone: its lease ends, and so do questions to
 * it.
 */
export function forgetLeader(state: RaftState): void {
  setLeader(state, undefined);
}

export function becomePreCandidate(state: RaftState, force: boolean): void {
  assert(isVoter(effective(state), state.id), "a non-voter cannot campaign"); // E3
  setLeader(state, undefined);
  state.role = { kind: "pre-candidate", votes: new Map([[state.id, true]]), force };
  drawElectionTimeout(state);
}

export function becomeCandidate(state: RaftState): void {
  assert(isVoter(effective(state), state.id), "a non-voter cannot campaign"); // E3
  assert(state.role.kind !== "leader", "a leader cannot campaign");
  setLeader(state, undefined);
  enterTerm(state, nextTerm(state));
  castVote(state, state.id);
  // E6: the vote leaves with the persist effect that ends this step.
  const voteSequence = state.persistsIssued + 1;
  state.role = { kind: "candidate", votes: new Map(), voteSequence };
  drawElectionTimeout(state);
}

export function becomeLeader(state: RaftState): void {
  const { role } = state;
  assert(role.kind === "candidate", `a ${role.kind} cannot become leader`);
  assert(role.voteSequence <= state.persistsDurable, "a leader's term must be durable"); // E6
  const leader = createLeaderRole(state, role.votes);
  state.role = leader;
  state.goneTries = 0;
  state.forgaveStall = false;
  state.leader = state.id;
  state.leaderHeardAt = undefined;
  appendOwn(state, leader, { kind: "noop", data: new Uint8Array(0) });
}

function createLeaderRole(state: RaftState, votes: ReadonlyMap<RaftId, boolean>): LeaderRole {
  const { heartbeatMs, electionTimeoutMsMax } = state.limits;
  const peers = new Map<RaftId, Progress>();
  for (const id of membersOf(effective(state))) {
    const contactAt = votes.get(id) === true ? state.now : undefined;
    if (id !== state.id) peers.set(id, createProgress(state.log.last, contactAt));
  }
  const tail = state.log.slice(toIndex(state.commit + 1), state.log.last);
  return {
    kind: "leader",
    noopIndex: toIndex(state.log.last + 1),
    peers,
    peersOf: effective(state),
    round: 0,
    heartbeatAt: later(state.now, heartbeatMs),
    quorumCheckAt: later(state.now, electionTimeoutMsMax),
    flushAt: undefined,
    noticeAt: undefined,
    uncommittedBytes: tail.reduce((sum, entry) => sum + entryBytes(entry), 0),
    reads: [],
    transfer: undefined,
  };
}

function setLeader(state: RaftState, leader: RaftId | undefined): void {
  if (leader === state.leader) return;
  state.leader = leader;
  state.leaderHeardAt = leader === undefined ? undefined : state.now;
  abandonForwardedReads(state);
}
