/** What a member shows of itself: plain data for metrics, the status page and the invariants. */
import type { LogIndex, RaftId, Term } from "@skein/common/ids";
import { quorumContactAge } from "./check-quorum.ts";
import { configurationAt, effectiveIndexOf, effectiveOf } from "./membership.ts";
import type { Progress, ProgressState } from "./progress.ts";
import type { Configuration, Entry, RaftRole } from "./protocol.ts";
import { waitingReads } from "./read-index.ts";
import type { LeaderRole, RaftState } from "./state.ts";

export interface RaftStatus {
  readonly id: RaftId;
  readonly role: RaftRole;
  readonly term: Term;
  readonly votedFor?: RaftId;
  readonly leader?: RaftId;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  /** The log is durable on this member's disk up to here. */
  readonly durableIndex: LogIndex;
  readonly snapshotIndex: LogIndex;
  /** The entry before the first one retained. */
  readonly baseIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** The configuration in effect: the last one in the log, committed or not. */
  readonly configuration: Configuration;
  readonly configurationIndex: LogIndex;
  readonly committedConfiguration: Configuration;
  /** At the applied index: what a snapshot taken now must carry. */
  readonly appliedConfiguration: Configuration;
  readonly messagesIgnored: number;
  readonly readsWaiting: number;
  readonly persistsIssued: number;
  readonly persistsDurable: number;
  readonly leading?: LeadingStatus;
}

/** A leader's view. */
export interface LeadingStatus {
  readonly noopIndex: LogIndex;
  readonly peers: readonly PeerStatus[];
  readonly uncommittedBytes: number;
  readonly uncommittedCount: number;
  /** Absent: no quorum was heard, or the processes are known to be gone. */
  readonly quorumContactAgeMs?: number;
  readonly round: number;
  readonly transferTo?: RaftId;
}

export interface PeerStatus {
  readonly id: RaftId;
  readonly state: ProgressState;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly inflight: number;
  readonly inflightBytes: number;
  readonly contactAgeMs?: number;
}

export interface RaftLogView {
  readonly baseIndex: LogIndex;
  readonly baseTerm: Term;
  readonly entries: readonly Entry[];
}

export function statusOf(state: RaftState): RaftStatus {
  const { log, configurations, votedFor, leader } = state;
  const status: Writable<RaftStatus> = {
    id: state.id,
    role: state.role.kind,
    term: state.term,
    commit: state.commit,
    applied: state.applied,
    durableIndex: log.durable,
    snapshotIndex: state.snapshot.index,
    baseIndex: log.base.index,
    lastIndex: log.last,
    lastTerm: log.lastTerm,
    configuration: effectiveOf(configurations),
    configurationIndex: effectiveIndexOf(configurations),
    committedConfiguration: configurationAt(configurations, state.commit),
    appliedConfiguration: configurationAt(configurations, state.applied),
    messagesIgnored: state.messagesIgnored,
    readsWaiting: waitingReads(state),
    persistsIssued: state.persistsIssued,
    persistsDurable: state.persistsDurable,
  };
  if (votedFor !== undefined) status.votedFor = votedFor;
  if (leader !== undefined) status.leader = leader;
  if (state.role.kind === "leader") status.leading = leadingOf(state, state.role);
  return status;
}

export function logViewOf(state: RaftState): RaftLogView {
  const { base } = state.log;
  return { baseIndex: base.index, baseTerm: base.term, entries: state.log.all() };
}

/** While it is being put together. */
type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function leadingOf(state: RaftState, role: LeaderRole): LeadingStatus {
  const age = quorumContactAge(state, role);
  const leading: Writable<LeadingStatus> = {
    noopIndex: role.noopIndex,
    peers: Array.from(role.peers, ([id, peer]) => peerOf(state, id, peer)),
    uncommittedBytes: role.uncommittedBytes,
    uncommittedCount: state.log.last - state.commit,
    round: role.round,
  };
  if (Number.isFinite(age)) leading.quorumContactAgeMs = age;
  if (role.transfer !== undefined) leading.transferTo = role.transfer.to;
  return leading;
}

function peerOf(state: RaftState, id: RaftId, peer: Progress): PeerStatus {
  const { contactAt } = peer;
  const status: Writable<PeerStatus> = {
    id,
    state: peer.state,
    match: peer.match,
    next: peer.next,
    inflight: peer.inflight.length,
    inflightBytes: peer.inflightBytes,
  };
  if (contactAt !== undefined) status.contactAgeMs = state.now - contactAt;
  return status;
}
