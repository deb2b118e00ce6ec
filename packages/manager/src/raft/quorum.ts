/**
 * Majorities of a configuration, simple or joint (thesis 3.3, 4.3). Pure functions, checked against
 * a brute force over all subsets.
 *
 *   Q1. While joint, whatever needs a majority needs one of the new *and* one of the outgoing
 *       voters.
 *   Q2. Only voters count. A learner's or a stranger's answer changes nothing.
 *   Q3. A configuration without voters has no quorum.
 */
import type { RaftId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Configuration } from "./protocol.ts";

export type VoteOutcome = "won" | "lost" | "pending";

/**
 * The largest value that a quorum has reached: of match indexes it is the committed index, of
 * confirmed rounds the confirmed round, of contact times the time of the last quorum contact.
 */
export function quorumFloor(configuration: Configuration, valueOf: (id: RaftId) => number): number {
  const incoming = majorityFloor(configuration.voters, valueOf);
  if (configuration.outgoing === undefined) return incoming;
  return Math.min(incoming, majorityFloor(configuration.outgoing, valueOf)); // Q1
}

/** What the answers so far decide; a voter without an answer may still say either. */
export function voteOutcome(
  configuration: Configuration,
  votes: ReadonlyMap<RaftId, boolean>,
): VoteOutcome {
  if (quorumFloor(configuration, (id) => (votes.get(id) === true ? 1 : 0)) === 1) return "won";
  if (quorumFloor(configuration, (id) => (votes.get(id) === false ? 0 : 1)) === 1) return "pending";
  return "lost";
}

export function isVoter(configuration: Configuration, id: RaftId): boolean {
  return configuration.voters.includes(id) || (configuration.outgoing?.includes(id) ?? false);
}

export function isMember(configuration: Configuration, id: RaftId): boolean {
  return isVoter(configuration, id) || configuration.learners.includes(id);
}

/** Every voter of either half, sorted: the order reaches messages. */
export function votersOf(configuration: Configuration): readonly RaftId[] {
  return sortedUnion(configuration.voters, configuration.outgoing ?? []);
}

/** Voters and learners: everyone a leader replicates to. */
export function membersOf(configuration: Configuration): readonly RaftId[] {
  return sortedUnion(votersOf(configuration), configuration.learners);
}

/**
 * Removed for good, and no longer needed: a voter that leaves has its vote until the joint
 * configuration is left. Of two, the one that stays cannot leave it without the other's.
 */
export function isExpelled(configuration: Configuration, id: RaftId): boolean {
  return configuration.removed?.includes(id) === true && !membersOf(configuration).includes(id);
}

function majorityFloor(voters: readonly RaftId[], valueOf: (id: RaftId) => number): number {
  if (voters.length === 0) return Number.NEGATIVE_INFINITY; // Q3
  const values = voters.map(valueOf).sort((a, b) => b - a);
  // The value in the middle of the descending order is one that a majority has reached.
  return values[Math.floor(voters.length / 2)] ?? Number.NEGATIVE_INFINITY;
}

function sortedUnion(a: readonly RaftId[], b: readonly RaftId[]): readonly RaftId[] {
  return [...new Set([...a, ...b])].sort(compareIds);
}
