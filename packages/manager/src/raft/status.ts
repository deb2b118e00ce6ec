/** What a member shows of itself: plain data for metrics, the status page and the invariants. */
import type { LogIndex, RaftId, Term } from "@skein/common/ids";
import { quorumContactAge } from "./check-quorum.ts";
import { configurationAt, effectiveOf } from "./membership.ts";
import type { Progress, ProgressState } from "./progress.ts";
import type { Configuration, Entry, RaftRole } from "./protocol.ts";
import { waitingReads } from "./read-index.ts";
import type { RaftState } from "./state.ts";

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
  return {
    id: state.id,
    role: state.role.kind,
    term: state.term,
    ...(votedFor === undefined ? {} : { votedFor }),
    ...(leader === undefined ? {} : { leader }),
    commit: state.commit,
    applied: state.applied,
    durableIndex: log.durable,
    snapshotIndex: state.snapshot.index,
    baseIndex: log.base.index,
    lastIndex: log.last,
    lastTerm: log.lastTerm,
    configuration: effectiveOf(configurations),
    committedConfiguration: configurationAt(configurations, state.commit),
    appliedConfiguration: configurationAt(configurations, state.applied),
    messagesIgnored: state.messagesIgnored,
    readsWaiting: waitingReads(state),
    persistsIssued: state.persistsIssued,
    persistsDurable: state.persistsDurable,
    ...leadingOf(state),
  };
}

export function logViewOf(state: RaftState): RaftLogView {
  const { base } = state.log;
  return { baseIndex: base.index, baseTerm: base.term, entries: state.log.all() };
}

function leadingOf(state: RaftState): { readonly leading?: LeadingStatus } {
  const { role } = state;
  if (role.kind !== "leader") return {};
  const age = quorumContactAge(state, role);
  const leading: LeadingStatus = {
    noopIndex: role.noopIndex,
    peers: [...role.peers].map(([id, peer]) => peerOf(state, id, peer)),
    uncommittedBytes: role.uncommittedBytes,
    uncommittedCount: state.log.last - state.commit,
    ...(Number.isFinite(age) ? { quorumContactAgeMs: age } : {}),
    round: role.round,
    ...(role.transfer === undefined ? {} : { transferTo: role.transfer.to }),
  };
  return { leading };
}

function peerOf(state: RaftState, id: RaftId, peer: Progress): PeerStatus {
  const { contactAt } = peer;
  return {
    id,
    state: peer.state,
    match: peer.match,
    next: peer.next,
    inflight: peer.inflight.length,
    inflightBytes: peer.inflightBytes,
    ...(contactAt === undefined ? {} : { contactAgeMs: state.now - contactAt }),
  };
}
