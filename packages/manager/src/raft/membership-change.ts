/**
 * Changes of the configuration (thesis 4): proposed one at a time, in effect at append, every
 * change of voters through a joint configuration (4.3), which whoever leads leaves by itself.
 *
 * Invariants:
 *   M3. A leader appends a configuration only when the one before it is committed, not joint, and
 *       an entry of its own term is committed: else two leaders' changes could have majorities that
 *       share nobody (the single-server bug of 2015).
 *   M4. A joint configuration is left once, after it is committed, by the leader of that moment.
 *   M5. The leader replicates to the members of the configuration in effect and to nobody else.
 *   M6. A leader that the committed configuration does not know as a voter steps down, and hands
 *       over to the voter that needs least; until then it counts the others, never itself (4.2.2).
 *   M7. A removed id stays removed: it is a tombstone in every later configuration. Its messages
 *       are unheard once that is committed; before, it may still lead the joint configuration.
 */
import type { RaftId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import { encode } from "@skein/common/wire/codec";
import { RAFT_CATCH_UP_ENTRIES_MAX, RAFT_MEMBERS_MAX, RAFT_REMOVED_MAX } from "../limits.ts";
import { hasQuorumContact } from "./check-quorum.ts";
import { toIndex } from "./log.ts";
import { configurationAt, effectiveIndexOf, extendHistory } from "./membership.ts";
import type { Progress } from "./progress.ts";
import { createProgress } from "./progress.ts";
import type { ChangeRefusal, Configuration, MemberChange } from "./protocol.ts";
import { isMember, membersOf, quorumFloor } from "./quorum.ts";
import { appendOwn } from "./replication.ts";
import { becomeFollower } from "./role.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { effective, send } from "./state.ts";
import { mostAdvanced } from "./transfer.ts";

export function proposeChange(state: RaftState, token: number, change: MemberChange): void {
  const refusal = whyRefused(state, change);
  if (refusal !== undefined || state.role.kind !== "leader") {
    state.outbox.push({ kind: "change-refused", token, reason: refusal ?? "not-leader" });
    return;
  }
  const target = changed(effective(state), change);
  const { index, term } = appendConfiguration(state, state.role, jointWith(state, target));
  state.outbox.push({ kind: "appended", token, index, term });
}

/** M4, M6. After every step, once the commit index is known. */
export function advanceChange(state: RaftState, leader: LeaderRole): void {
  const at = effectiveIndexOf(state.configurations);
  if (state.commit < at || state.commit < leader.noopIndex) return;
  const { outgoing, ...rest } = effective(state);
  if (outgoing !== undefined) {
    // Who was told to campaign has our log as it is: an entry more, and it would lose.
    if (leader.transfer?.told === true) return;
    appendConfiguration(state, leader, withoutStrangers(rest));
    followConfiguration(state, leader);
  } else if (!rest.voters.includes(state.id)) {
    handOver(state, leader);
  }
}

/** M5. Known peers keep what is known of them. */
export function followConfiguration(state: RaftState, leader: LeaderRole): void {
  const configuration = effective(state);
  if (configuration === leader.peersOf) return;
  const peers = new Map<RaftId, Progress>();
  // Who is new is sent the last entry, the change itself: with nothing to send it would wait for
  // the next write to be asked where its log stands.
  const before = toIndex(Math.max(state.log.base.index, state.log.last - 1));
  for (const id of membersOf(configuration)) {
    if (id === state.id) continue;
    peers.set(id, leader.peers.get(id) ?? createProgress(before, undefined));
  }
  leader.peers = peers;
  leader.peersOf = configuration;
}

/** M7. */
export function isTombstoned(state: RaftState, id: RaftId): boolean {
  const { removed } = configurationAt(state.configurations, state.commit);
  return removed?.includes(id) ?? false;
}

/** What the change makes of a configuration that is not joint. */
export function changed(configuration: Configuration, change: MemberChange): Configuration {
  const { voters, learners, addresses, removed } = configuration;
  const { id } = change;
  const base = removed === undefined ? { addresses } : { addresses, removed };
  switch (change.kind) {
    case "add-learner":
    case "describe": {
      const { kind, id: _, ...said } = change;
      const described = { ...addresses, [id]: { ...addressOf(configuration, id), ...said } };
      const added = kind === "describe" ? learners : sorted([...learners, id]);
      return { ...base, voters, learners: added, addresses: described };
    }
    case "promote":
      return { ...base, voters: sorted([...voters, id]), learners: without(learners, id) };
    case "demote":
      return { ...base, voters: without(voters, id), learners: sorted([...learners, id]) };
    case "remove": {
      const tombstones = [...(removed ?? []), id].slice(-RAFT_REMOVED_MAX);
      const kept = { voters: without(voters, id), learners: without(learners, id) };
      return { ...base, ...kept, removed: tombstones };
    }
  }
}

/** A change that leaves the voters as they are needs no joint configuration. */
function jointWith(state: RaftState, target: Configuration): Configuration {
  const { voters } = effective(state);
  const same = voters.length === target.voters.length && voters.join() === target.voters.join();
  return same ? withoutStrangers(target) : { ...target, outgoing: voters };
}

/** Who is no member is not dialled. */
function withoutStrangers(configuration: Configuration): Configuration {
  const known = membersOf(configuration).filter((id) => configuration.addresses[id] !== undefined);
  const addresses = Object.fromEntries(known.map((id) => [id, addressOf(configuration, id)]));
  return { ...configuration, addresses };
}

function appendConfiguration(state: RaftState, leader: LeaderRole, configuration: Configuration) {
  const entry = appendOwn(state, leader, { kind: "config", data: encode(configuration) });
  state.configurations = extendHistory(state.configurations, [entry]);
  followConfiguration(state, leader);
  return entry;
}

function handOver(state: RaftState, leader: LeaderRole): void {
  const to = mostAdvanced(state, leader);
  const message = { kind: "timeout-now", term: state.term } as const;
  if (to !== undefined) send(state, to, { message, timing: "now" });
  becomeFollower(state, state.term, undefined);
}

function whyRefused(state: RaftState, change: MemberChange): ChangeRefusal | undefined {
  const { role } = state;
  if (role.kind !== "leader") return "not-leader";
  if (role.transfer !== undefined) return "transferring";
  if (!hasQuorumContact(state, role)) return "no-quorum";
  if (state.commit < role.noopIndex) return "not-ready"; // M3
  const configuration = effective(state);
  const pending = effectiveIndexOf(state.configurations) > state.commit;
  if (pending || configuration.outgoing !== undefined) return "change-pending"; // M3
  return whyUnfit(configuration, change) ?? whyUnsafe(state, role, change);
}

/** Whether the change makes sense of this configuration at all. */
function whyUnfit(configuration: Configuration, change: MemberChange): ChangeRefusal | undefined {
  const { voters, learners, removed = [] } = configuration;
  const { id } = change;
  if (change.kind === "add-learner") {
    if (removed.includes(id)) return "removed-member"; // M7
    if (isMember(configuration, id)) return "no-change";
    return voters.length + learners.length >= RAFT_MEMBERS_MAX ? "too-many-members" : undefined;
  }
  if (!isMember(configuration, id)) return "unknown-member";
  if (change.kind === "describe") {
    const known = configuration.addresses[id];
    const { address, incarnation } = change;
    const same = known?.address === address && known.incarnation === incarnation;
    return same ? "no-change" : undefined;
  }
  if (change.kind === "promote" && voters.includes(id)) return "no-change";
  if (change.kind === "demote" && learners.includes(id)) return "no-change";
  const last = voters.length === 1 && voters[0] === id;
  return change.kind !== "promote" && last ? "last-voter" : undefined;
}

/** Whether the cluster could go on serving with it. */
function whyUnsafe(
  state: RaftState,
  leader: LeaderRole,
  change: MemberChange,
): ChangeRefusal | undefined {
  const { id, kind } = change;
  if (kind === "add-learner" || kind === "describe") return undefined;
  if (kind === "promote" && !isCaughtUp(state, leader, id)) return "not-caught-up";
  const next = changed(effective(state), change);
  const heard = quorumFloor(next, (one) => (isHeard(state, leader, one) ? 1 : 0));
  return heard === 1 ? undefined : "would-lose-quorum";
}

function isCaughtUp(state: RaftState, leader: LeaderRole, id: RaftId): boolean {
  const peer = leader.peers.get(id);
  if (peer === undefined || !isHeard(state, leader, id)) return false;
  return peer.state === "replicate" && state.log.last - peer.match <= RAFT_CATCH_UP_ENTRIES_MAX;
}

function isHeard(state: RaftState, leader: LeaderRole, id: RaftId): boolean {
  if (id === state.id) return true;
  const contactAt = leader.peers.get(id)?.contactAt;
  return contactAt !== undefined && state.now - contactAt < state.limits.electionTimeoutMsMin;
}

function addressOf(configuration: Configuration, id: RaftId) {
  return configuration.addresses[id] ?? { nodeId: "", address: "" };
}

function without(ids: readonly RaftId[], id: RaftId): readonly RaftId[] {
  return ids.filter((one) => one !== id);
}

function sorted(ids: readonly RaftId[]): readonly RaftId[] {
  return [...ids].sort(compareIds);
}
