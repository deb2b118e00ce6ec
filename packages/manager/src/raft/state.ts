/**
 * The state of one Raft member (thesis figure 3.1), and the few primitives that every part shares.
 * What belongs to one role lives in that role's record and goes with it: nothing of a leadership
 * survives it.
 *
 * Invariants:
 *   S1. The term never decreases; the vote changes only together with the term, or from none to
 *       one. (Clearing it on a change of role lets a former candidate vote twice in one term.)
 *   S2. The commit and applied indexes never decrease.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex, RaftId, Term } from "@skein/common/ids";
import { term as toTerm } from "@skein/common/ids";
import type { Random } from "@skein/common/io/random";
import type { Instant } from "@skein/common/time";
import { later } from "@skein/common/time";
import { RaftLog } from "./log.ts";
import type { ConfigurationHistory } from "./membership.ts";
import { effectiveOf, extendHistory, historyOf } from "./membership.ts";
import type { Progress } from "./progress.ts";
import type {
  Configuration,
  HardState,
  RaftEffect,
  RaftMessage,
  RaftRecovered,
  RaftRefusal,
  SnapshotMeta,
} from "./protocol.ts";
import type { RaftLimits } from "./timing.ts";

export interface FollowerRole {
  readonly kind: "follower";
}

/** Asks whether an election could be won, without raising its term (thesis 9.6). */
export interface PreCandidateRole {
  readonly kind: "pre-candidate";
  readonly votes: Map<RaftId, boolean>;
  /** This member saw the leader's process go. */
  readonly force: boolean;
}

export interface CandidateRole {
  readonly kind: "candidate";
  /** Holds this member's own vote only once that vote is durable. */
  readonly votes: Map<RaftId, boolean>;
  /** The persist effect that carries the own vote. */
  readonly voteSequence: number;
}

/** A linearizable read at the leader (6.4). */
export interface LeaderRead {
  /** A local token, or a follower's question. */
  readonly source:
    | { readonly kind: "local"; readonly token: number }
    | { readonly kind: "remote"; readonly from: RaftId; readonly id: number };
  /**
   * Set once the leader has committed in its own term: the index to read at, and the round to
   * await.
   */
  registered: { readonly index: LogIndex; readonly round: number } | undefined;
}

export interface Transfer {
  readonly to: RaftId;
  readonly deadline: Instant;
  told: boolean;
}

export interface LeaderRole {
  readonly kind: "leader";
  /** The entry that ends the doubt about older terms (3.6.2). */
  readonly noopIndex: LogIndex;
  /** Every other member, sorted by id. */
  peers: ReadonlyMap<RaftId, Progress>;
  /** The configuration that `peers` was made for. */
  peersOf: Configuration;
  /** The newest heartbeat round that was sent. */
  round: number;
  heartbeatAt: Instant;
  quorumCheckAt: Instant;
  /** Entries wait for company until then. */
  flushAt: Instant | undefined;
  /** A commit waits for an append to carry it until then. */
  noticeAt: Instant | undefined;
  uncommittedBytes: number;
  reads: LeaderRead[];
  transfer: Transfer | undefined;
}

export type Role = FollowerRole | PreCandidateRole | CandidateRole | LeaderRole;

/** Reads that wait outside a leader's own list. */
export interface WaitingReads {
  /** Tokens not yet asked about, and those in the question under way to the leader. */
  queued: number[];
  asked: { readonly id: number; readonly tokens: readonly number[]; retryAt: Instant } | undefined;
  nextId: number;
  /** Confirmed, waiting for the state machine. */
  confirmed: { readonly token: number; readonly index: LogIndex }[];
}

export interface RaftState {
  readonly id: RaftId;
  readonly random: Random;
  readonly limits: RaftLimits;
  readonly log: RaftLog;
  now: Instant;
  started: boolean;
  term: Term;
  votedFor: RaftId | undefined;
  commit: LogIndex;
  applied: LogIndex;
  snapshot: SnapshotMeta;
  configurations: ConfigurationHistory;
  role: Role;
  leader: RaftId | undefined;
  leaderHeardAt: Instant | undefined;
  electionTimeoutMs: number;
  electionAt: Instant;
  /** The last election timeout came after a stall and was given another chance. */
  forgaveStall: boolean;
  /** Quick pre-campaigns left since the leader's process was seen to go. */
  goneTries: number;
  readonly reads: WaitingReads;
  /** Persist effects given out, and known to be durable. */
  persistsIssued: number;
  persistsDurable: number;
  hardStateChanged: boolean;
  installed: SnapshotMeta | undefined;
  /** Effects of the step under way, apart from those whose place is fixed (see outcome.ts). */
  outbox: RaftEffect[];
  messagesIgnored: number;
}

export interface RaftOptions {
  readonly id: RaftId;
  readonly recovered: RaftRecovered;
  readonly random: Random;
  readonly now: Instant;
  readonly limits: RaftLimits;
}

export function createState(options: RaftOptions): RaftState {
  const { snapshot, entries } = options.recovered;
  const { hardState, isLifted } = recoveredHardState(options.recovered);
  const log = new RaftLog(snapshot, entries);
  assert(hardState.commit <= log.last, `commit ${hardState.commit} > last ${log.last}`);
  assert(hardState.term >= log.lastTerm, `term ${hardState.term} < last ${log.lastTerm}`);
  return {
    id: options.id,
    random: options.random,
    limits: options.limits,
    log,
    now: options.now,
    started: false,
    term: hardState.term,
    votedFor: hardState.votedFor,
    commit: hardState.commit > snapshot.index ? hardState.commit : snapshot.index,
    applied: snapshot.index,
    snapshot,
    configurations: extendHistory(historyOf(snapshot), entries),
    role: { kind: "follower" },
    leader: undefined,
    leaderHeardAt: undefined,
    electionTimeoutMs: options.limits.electionTimeoutMsMax,
    electionAt: options.now,
    forgaveStall: false,
    goneTries: 0,
    reads: { queued: [], asked: undefined, nextId: firstReadId(options.random), confirmed: [] },
    persistsIssued: 0,
    persistsDurable: 0,
    hardStateChanged: isLifted,
    installed: undefined,
    outbox: [],
    messagesIgnored: 0,
  };
}

/** The configuration that counts: the last one in the log, committed or not (4.1). */
export function effective(state: RaftState): Configuration {
  return effectiveOf(state.configurations);
}

export function send(
  state: RaftState,
  to: RaftId,
  outgoing: { readonly message: RaftMessage; readonly timing: "now" | "after-durable" },
): void {
  state.outbox.push({ kind: "send", to, ...outgoing });
}

export function refuse(state: RaftState, token: number, reason: RaftRefusal): void {
  state.outbox.push({ kind: "refused", token, reason });
}

export function enterTerm(state: RaftState, term: Term): void {
  assert(Number.isSafeInteger(term), `term ${term} is out of range`);
  assert(term > state.term, `term ${term} does not follow ${state.term}`); // S1
  state.term = term;
  state.votedFor = undefined;
  state.hardStateChanged = true;
}

export function castVote(state: RaftState, candidate: RaftId): void {
  assert(
    state.votedFor === undefined || state.votedFor === candidate,
    `a vote for ${candidate} in term ${state.term}, which has one for ${state.votedFor ?? ""}`,
  ); // S1
  if (state.votedFor === candidate) return;
  state.votedFor = candidate;
  state.hardStateChanged = true;
}

export function nextTerm(state: RaftState): Term {
  return toTerm(state.term + 1);
}

export function advanceCommitTo(state: RaftState, index: LogIndex): void {
  assert(index > state.commit, `commit ${index} does not follow ${state.commit}`); // S2
  assert(index <= state.log.last, `commit ${index} > last ${state.log.last}`);
  state.commit = index;
}

/**
 * Draws a new election timeout and starts it. Drawn at each change of role, so that ties do not
 * repeat.
 */
export function drawElectionTimeout(state: RaftState): void {
  const { electionTimeoutMsMin, electionTimeoutMsMax } = state.limits;
  const spread = electionTimeoutMsMax - electionTimeoutMsMin + 1;
  state.electionTimeoutMs = electionTimeoutMsMin + state.random.below(spread);
  state.electionAt = later(state.now, state.electionTimeoutMs);
}

/**
 * A received snapshot is durable before this machine hears of it. If the process dies in between,
 * its term may be later than the one on disk: a later term without a vote is entered, and written
 * again.
 */
function recoveredHardState(recovered: RaftRecovered): {
  readonly hardState: HardState;
  readonly isLifted: boolean;
} {
  const { hardState, snapshot } = recovered;
  if (snapshot.term <= hardState.term) return { hardState, isLifted: false };
  return { hardState: { term: snapshot.term, commit: snapshot.index }, isLifted: true };
}

/**
 * Question ids must not repeat after a restart within one term: a late answer to the former process
 * would complete a younger read with an older index. Hence a random start.
 */
function firstReadId(random: Random): number {
  return random.below(2 ** 32) * 2 ** 20;
}
