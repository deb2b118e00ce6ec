/**
 * The leader's contact with a quorum (thesis 6.2): a leader that hears no quorum refuses to promise
 * anything, and soon steps down, so that a leader cut off from the cluster neither blocks clients
 * nor lives beside its successor for long.
 *
 *   K1. A proposal or read is refused once the last quorum contact is a shortest election timeout
 *       old: from then on a successor may exist.
 *   K2. The leader steps down when it is a longest election timeout old.
 */
import { assert } from "@skein/common/assert";
import { later } from "@skein/common/time";
import { quorumFloor } from "./quorum.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { effective } from "./state.ts";

/**
 * Milliseconds since a quorum was last heard; infinite if a quorum was never, or is known to be
 * gone.
 */
export function quorumContactAge(state: RaftState, leader: LeaderRole): number {
  const at = quorumFloor(effective(state), (id) =>
    id === state.id ? state.now : (leader.peers.get(id)?.contactAt ?? Number.NEGATIVE_INFINITY),
  );
  return state.now - at;
}

export function hasQuorumContact(state: RaftState, leader: LeaderRole): boolean {
  return quorumContactAge(state, leader) < state.limits.electionTimeoutMsMin; // K1
}

/**
 * Whether the leader must step down. Called when `quorumCheckAt` has come; arms the next check.
 * A check that comes late was a stall: the answers may wait unread in the sockets, so it is put
 * off, once.
 */
export function maybeQuorumLost(state: RaftState, leader: LeaderRole): boolean {
  const { electionTimeoutMsMin, electionTimeoutMsMax, stallMs } = state.limits;
  const stalled = state.now > later(leader.quorumCheckAt, stallMs);
  if (stalled && !state.forgaveStall) {
    state.forgaveStall = true;
    leader.quorumCheckAt = later(state.now, electionTimeoutMsMin);
    return false;
  }
  state.forgaveStall = false;
  const age = quorumContactAge(state, leader);
  if (age >= electionTimeoutMsMax) return true; // K2
  assert(age >= 0, `quorum contact ${age} ms ago`);
  leader.quorumCheckAt = later(state.now, electionTimeoutMsMax - age);
  return false;
}
