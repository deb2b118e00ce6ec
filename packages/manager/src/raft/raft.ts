/**
 * The Raft machine: one member of the consensus (Ongaro's thesis; docs/design/raft.md is the map).
 *
 * Synchronous and pure: inputs and time come in, effects go out, nothing is read from outside
 * between. So there is no moment between reading the term and stamping an entry with it at which
 * another could intervene, which is where implementations with threads or awaits lost data.
 *
 * This file only dispatches: on the input's kind, on how a message's term compares, on the
 * message's kind. After every input the role's duties run (`settle`), level-triggered: they look at
 * the state, not at what happened, so no path can forget them.
 */
import { assert, unreachable } from "@skein/common/assert";
import type { Machine, Wake } from "@skein/common/host/machine";
import type { RaftId } from "@skein/common/ids";
import type { Random } from "@skein/common/io/random";
import type { Instant } from "@skein/common/time";
import { earliest } from "@skein/common/time";
import { isWellFormedAppend, receiveAppend, rejectAppend } from "./append-entries.ts";
import { maybeQuorumLost } from "./check-quorum.ts";
import {
  answerVote,
  countOwnVote,
  electionTimeout,
  heedsVote,
  leaderGone,
  receivePreVote,
  receivePreVoteResponse,
  receiveTimeoutNow,
  receiveVote,
  receiveVoteResponse,
  startElectionClock,
} from "./election.ts";
import {
  broadcastHeartbeat,
  noticeCommit,
  receiveHeartbeat,
  receiveHeartbeatResponse,
} from "./heartbeat.ts";
import {
  advanceChange,
  followConfiguration,
  isTombstoned,
  proposeChange,
} from "./membership-change.ts";
import type { Told } from "./outcome.ts";
import { applicable, takeEffects } from "./outcome.ts";
import type { Progress } from "./progress.ts";
import { becomeProbe } from "./progress.ts";
import type { RaftEffect, RaftInput, RaftMessage, RaftRecovered } from "./protocol.ts";
import { isMember } from "./quorum.ts";
import {
  advanceReads,
  forwardReads,
  read,
  receiveReadIndex,
  receiveReadIndexResponse,
} from "./read-index.ts";
import { maybeCommit, propose, receiveAppendResponse, replicate } from "./replication.ts";
import { becomeFollower, hearLeader } from "./role.ts";
import { compact, receiveSnapshot, snapshotSent } from "./snapshot.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { createState, effective, send } from "./state.ts";
import type { RaftLogView, RaftStatus } from "./status.ts";
import { logViewOf, statusOf } from "./status.ts";
import type { RaftLimits } from "./timing.ts";
import { raftLimits } from "./timing.ts";
import { advanceTransfer, startTransfer } from "./transfer.ts";

export type { RaftStatus } from "./status.ts";

export interface Raft extends Machine<RaftInput, RaftEffect> {
  /** For metrics, the status page and the invariants. */
  status(): RaftStatus;
  /** The retained log, for the invariants. */
  log(): RaftLogView;
}

export interface CreateRaftOptions {
  readonly id: RaftId;
  readonly recovered: RaftRecovered;
  readonly random: Random;
  readonly now: Instant;
  readonly limits?: Partial<RaftLimits>;
}

/** A member as recovery found it. The first step (submit a `wake`) tells role and configuration. */
export function createRaft(options: CreateRaftOptions): Raft {
  const { limits, ...rest } = options;
  return new RaftMachine(createState({ ...rest, limits: raftLimits(limits ?? {}) }));
}

class RaftMachine implements Raft {
  readonly #state: RaftState;
  readonly #told: Told = { role: undefined, configuration: undefined };

  constructor(state: RaftState) {
    this.#state = state;
    startElectionClock(state);
  }

  step(now: Instant, input: RaftInput | Wake): readonly RaftEffect[] {
    const state = this.#state;
    assert(now >= state.now, `time went back from ${state.now} to ${now}`);
    state.now = now;
    state.started = true;
    dispatch(state, input);
    settle(state);
    return takeEffects(state, this.#told);
  }

  wakeAt(): Instant | undefined {
    const state = this.#state;
    // A page of committed entries waits, or nobody was told anything yet.
    if (!state.started || applicable(state) > state.applied) return state.now;
    if (state.role.kind === "leader") return leaderWakeAt(state.role);
    return earliest(state.electionAt, state.reads.asked?.retryAt);
  }

  status(): RaftStatus {
    return statusOf(this.#state);
  }

  log(): RaftLogView {
    return logViewOf(this.#state);
  }
}

function dispatch(state: RaftState, input: RaftInput | Wake): void {
  switch (input.kind) {
    case "wake":
      return wake(state);
    case "receive":
      return receive(state, input.from, input.message);
    case "propose":
      return propose(state, input.token, input.data);
    case "propose-all":
      for (const { token, data } of input.proposals) propose(state, token, data);
      return;
    case "change":
      return proposeChange(state, input.token, input.change);
    case "read":
      return read(state, input.token);
    case "persisted":
      return persisted(state, input.upTo);
    case "peer-gone":
      return peerGone(state, input.peer);
    case "peer-linked":
      return peerLinked(state, input.peer);
    case "compact":
      return compact(state, input.meta, input.keepFrom);
    case "snapshot-received":
      return snapshotReceived(state, input);
    case "snapshot-sent":
      return withPeer(state, input.to, (peer) => snapshotSent(peer, input.delivered));
    case "transfer":
      return asLeader(state, (leader) => startTransfer(state, leader, input.to));
    default:
      return unreachable(input);
  }
}

/** The standing duties of the role. Each looks at the state alone. */
function settle(state: RaftState): void {
  const { role } = state;
  if (role.kind !== "leader") return forwardReads(state);
  followConfiguration(state, role);
  maybeCommit(state, role);
  advanceChange(state, role);
  // A leader that its own change left out is a follower from here on.
  if (role !== state.role) return forwardReads(state);
  if (state.now >= role.heartbeatAt) broadcastHeartbeat(state, role);
  replicate(state, role);
  noticeCommit(state, role);
  advanceReads(state, role);
  advanceTransfer(state, role);
}

function wake(state: RaftState): void {
  const { role } = state;
  if (role.kind !== "leader") {
    if (state.now >= state.electionAt) electionTimeout(state);
  } else if (state.now >= role.quorumCheckAt && maybeQuorumLost(state, role)) {
    becomeFollower(state, state.term, undefined);
  }
}

function leaderWakeAt(leader: LeaderRole): Instant | undefined {
  let at: Instant | undefined = earliest(leader.heartbeatAt, leader.quorumCheckAt);
  at = earliest(at, leader.flushAt);
  at = earliest(at, leader.noticeAt);
  return earliest(at, leader.transfer?.deadline);
}

function persisted(state: RaftState, upTo: number): void {
  assert(upTo <= state.persistsIssued, `persisted ${upTo} of ${state.persistsIssued}`);
  assert(upTo >= state.persistsDurable, `persisted ${upTo} after ${state.persistsDurable}`);
  state.persistsDurable = upTo;
  state.log.persisted(upTo);
  countOwnVote(state);
}

function peerGone(state: RaftState, peer: RaftId): void {
  if (state.role.kind === "follower" && state.leader === peer) return leaderGone(state);
  withPeer(state, peer, (progress) => {
    progress.contactAt = undefined;
    if (progress.state === "replicate") becomeProbe(progress, progress.match);
    progress.paused = true;
  });
}

function peerLinked(state: RaftState, peer: RaftId): void {
  withPeer(state, peer, (progress) => {
    if (progress.state !== "snapshot") becomeProbe(progress, progress.match);
  });
}

function snapshotReceived(
  state: RaftState,
  input: Extract<RaftInput, { readonly kind: "snapshot-received" }>,
): void {
  const { from, meta } = input;
  const term = meta.term > input.term ? meta.term : input.term;
  if (term > state.term) becomeFollower(state, term, undefined);
  if (term < state.term || state.role.kind === "leader") return;
  // Its content is committed, whoever sends it; it does not say who leads now.
  if (state.leader === from) hearLeader(state, from);
  else if (state.role.kind !== "follower") becomeFollower(state, term, undefined);
  receiveSnapshot(state, from, meta);
}

/**
 * Who may be heard. A removed member is not, once its removal is committed.
 * Requests are heard from anybody: the sender may be a leader or a voter of a
 * configuration that this log does not hold yet (4.2.2). Answers count from members alone.
 */
function receive(state: RaftState, from: RaftId, message: RaftMessage): void {
  const heard = isRequest(message) || isMember(effective(state), from);
  const wellFormed = message.kind !== "append" || isWellFormedAppend(message);
  if (from === state.id || !heard || !wellFormed || isTombstoned(state, from)) {
    state.messagesIgnored += 1;
    return;
  }
  // A pre-vote names a term that nobody is in yet: its terms are not compared (9.6).
  if (message.kind === "pre-vote") return receivePreVote(state, from, message);
  if (message.kind === "pre-vote-response") return receivePreVoteResponse(state, from, message);
  if (message.term < state.term) return receiveStale(state, from, message);
  if (message.term > state.term) {
    if (message.kind === "vote" && !heedsVote(state, message)) return;
    becomeFollower(state, message.term, isFromLeader(message) ? from : undefined);
  }
  receiveCurrent(state, from, message);
}

/**
 * A message of an older term: its sender is told the newer one where it waits for an answer (3.3).
 */
function receiveStale(state: RaftState, from: RaftId, message: RaftMessage): void {
  const { term } = state;
  if (message.kind === "vote") answerVote(state, from, false);
  if (message.kind === "append") rejectAppend(state, from, message);
  if (message.kind === "heartbeat") {
    const { round } = message;
    const answer = { kind: "heartbeat-response", term, round } as const;
    send(state, from, { message: answer, timing: "after-durable" });
  }
}

function receiveCurrent(
  state: RaftState,
  from: RaftId,
  message: Exclude<RaftMessage, { readonly kind: "pre-vote" | "pre-vote-response" }>,
): void {
  if (isFromLeader(message)) hearLeader(state, from);
  else withPeer(state, from, (peer) => (peer.contactAt = state.now));
  switch (message.kind) {
    case "append":
      return receiveAppend(state, from, message);
    case "heartbeat":
      return receiveHeartbeat(state, from, message);
    case "vote":
      return receiveVote(state, from, message);
    case "vote-response":
      return receiveVoteResponse(state, from, message);
    case "append-response":
      return withPeer(state, from, (peer) => receiveAppendResponse(state, { peer, message }));
    case "heartbeat-response":
      return withPeer(state, from, (peer, leader) =>
        receiveHeartbeatResponse(state, leader, { from, peer, round: message.round }),
      );
    case "timeout-now":
      return receiveTimeoutNow(state, from);
    case "read-index":
      return receiveReadIndex(state, from, message);
    case "read-index-response":
      return receiveReadIndexResponse(state, message);
    default:
      return unreachable(message);
  }
}

function isRequest(message: RaftMessage): boolean {
  const { kind } = message;
  return isFromLeader(message) || kind === "vote" || kind === "pre-vote" || kind === "timeout-now";
}

/** Messages that make their sender known as the leader of their term. */
function isFromLeader(message: RaftMessage): boolean {
  return message.kind === "append" || message.kind === "heartbeat";
}

function asLeader(state: RaftState, act: (leader: LeaderRole) => void): void {
  if (state.role.kind === "leader") act(state.role);
}

function withPeer(
  state: RaftState,
  id: RaftId,
  act: (peer: Progress, leader: LeaderRole) => void,
): void {
  asLeader(state, (leader) => {
    const peer = leader.peers.get(id);
    if (peer !== undefined) act(peer, leader);
  });
}
