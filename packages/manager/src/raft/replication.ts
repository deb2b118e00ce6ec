/**
 * Log replication, the leader's half (thesis 3.5, 3.6.2, 10.2.1).
 *
 * The leader writes its own disk and the network at the same time and counts itself only when its
 * write is durable. Appends are adaptive: what finds nothing in flight leaves at once, what queues
 * behind an unanswered append leaves as one message when the answer, a full batch or the flush time
 * comes.
 *
 * Invariants:
 *   A1. An entry commits when a quorum holds it durably and it is of the leader's own term; older
 *       ones commit through it (3.6.2, figure 3.7: a majority alone does not save an entry of an
 *       older term).
 *   A2. An acknowledgement counts only within the term it names, and never lowers `match`.
 *   A3. A refused append older than what is acknowledged changes nothing.
 *   A4. What cannot commit is refused before it is appended: no contact, no room, or a transfer
 *       under way.
 */
import { assert } from "@skein/common/assert";
import type { RaftId } from "@skein/common/ids";
import { later } from "@skein/common/time";
import { RAFT_ENTRY_BYTES_MAX, RAFT_ENTRY_OVERHEAD_BYTES } from "../limits.ts";
import { hasQuorumContact } from "./check-quorum.ts";
import { entryBytes, toIndex } from "./log.ts";
import type { Progress } from "./progress.ts";
import {
  acknowledge,
  becomeProbe,
  becomeReplicate,
  becomeSnapshot,
  noteSent,
  windowFull,
} from "./progress.ts";
import type { Entry, MessageOf, RaftRefusal } from "./protocol.ts";
import { quorumFloor } from "./quorum.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { advanceCommitTo, effective, refuse, send } from "./state.ts";

export function propose(state: RaftState, token: number, data: Uint8Array): void {
  const { role } = state;
  if (role.kind !== "leader") return refuse(state, token, "not-leader");
  const refusal = whyRefused(state, role, data.length);
  if (refusal !== undefined) return refuse(state, token, refusal); // A4
  const entry = appendOwn(state, role, { kind: "command", data });
  state.outbox.push({ kind: "appended", token, index: entry.index, term: entry.term });
}

/**
 * Appends an entry of this leader's term. It leaves for the peers, and for the disk, in this step.
 */
export function appendOwn(
  state: RaftState,
  leader: LeaderRole,
  content: Pick<Entry, "kind" | "data">,
): Entry {
  const entry: Entry = { index: toIndex(state.log.last + 1), term: state.term, ...content };
  assert(entry.data.length <= RAFT_ENTRY_BYTES_MAX, `entry of ${entry.data.length} bytes`);
  state.log.append([entry]);
  leader.uncommittedBytes += entryBytes(entry);
  return entry;
}

/** A1. Level-triggered: called after every step. */
export function maybeCommit(state: RaftState, leader: LeaderRole): void {
  const floor = quorumFloor(effective(state), (id) =>
    id === state.id ? state.log.durable : (leader.peers.get(id)?.match ?? 0),
  );
  if (floor <= state.commit) return;
  const index = toIndex(floor);
  if (state.log.termAt(index) !== state.term) return;
  for (const entry of state.log.slice(toIndex(state.commit + 1), index)) {
    leader.uncommittedBytes -= entryBytes(entry);
  }
  advanceCommitTo(state, index);
}

/** Sends every peer what may leave now; what has to wait for company arms `flushAt`. */
export function replicate(state: RaftState, leader: LeaderRole): void {
  const due = leader.flushAt !== undefined && state.now >= leader.flushAt;
  if (due) leader.flushAt = undefined;
  let waiting = false;
  for (const [id, peer] of leader.peers) {
    while (maySend(state, peer, due) && sendAppend(state, id, peer));
    if (peer.state === "replicate" && pending(state, peer) && !windowFull(peer, state.limits)) {
      waiting = true;
    }
  }
  if (!waiting) leader.flushAt = undefined;
  else leader.flushAt ??= later(state.now, state.limits.flushMs);
}

export function receiveAppendResponse(
  state: RaftState,
  answer: { readonly peer: Progress; readonly message: MessageOf<"append-response"> },
): void {
  const { peer, message } = answer;
  if (message.accepted) receiveAccepted(state, peer, message);
  else receiveRejected(state, peer, message);
}

/**
 * An append without entries at the end of what was sent: its answer tells whether the stream is
 * whole.
 */
export function sendEmptyAppend(state: RaftState, to: RaftId, peer: Progress): void {
  const prevIndex = toIndex(peer.next - 1);
  const prevTerm = state.log.termAt(prevIndex);
  if (prevTerm === undefined) {
    // The stream's end was compacted away under an unanswered append: begin again, by snapshot.
    becomeProbe(peer, prevIndex);
    return;
  }
  const commit = prevIndex < state.commit ? prevIndex : state.commit;
  send(state, to, {
    message: { kind: "append", term: state.term, prevIndex, prevTerm, commit, entries: [] },
    timing: "now",
  });
}

function whyRefused(state: RaftState, leader: LeaderRole, bytes: number): RaftRefusal | undefined {
  if (leader.transfer !== undefined) return "transferring";
  if (!hasQuorumContact(state, leader)) return "no-quorum";
  const { uncommittedBytesMax, uncommittedEntriesMax } = state.limits;
  const weight = bytes + RAFT_ENTRY_OVERHEAD_BYTES;
  if (leader.uncommittedBytes + weight > uncommittedBytesMax) return "overloaded";
  if (state.log.last - state.commit >= uncommittedEntriesMax) return "overloaded";
  return undefined;
}

function pending(state: RaftState, peer: Progress): boolean {
  return peer.next <= state.log.last;
}

function maySend(state: RaftState, peer: Progress, flush: boolean): boolean {
  if (!pending(state, peer)) return false;
  if (peer.state === "snapshot") return false;
  if (peer.state === "probe") return !peer.paused;
  if (windowFull(peer, state.limits)) return false;
  if (flush || peer.inflight.length === 0) return true;
  return state.log.last - peer.next + 1 >= state.limits.appendEntriesMax;
}

/** Sends one append from `next` on. False when there was nothing to send it from. */
function sendAppend(state: RaftState, to: RaftId, peer: Progress): boolean {
  const prevIndex = toIndex(peer.next - 1);
  const prevTerm = state.log.termAt(prevIndex);
  if (prevTerm === undefined) {
    becomeSnapshot(peer, state.snapshot.index);
    state.outbox.push({ kind: "send-snapshot", to, term: state.term });
    return false;
  }
  const { appendBytesMax, appendEntriesMax } = state.limits;
  const entries = state.log.batch(peer.next, state.log.last, {
    bytesMax: appendBytesMax,
    entriesMax: appendEntriesMax,
  });
  const last = toIndex(prevIndex + entries.length);
  const commit = last < state.commit ? last : state.commit;
  if (commit > peer.commitTold) peer.commitTold = commit;
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  noteSent(peer, { last, bytes, sentAt: state.now });
  send(state, to, {
    message: { kind: "append", term: state.term, prevIndex, prevTerm, commit, entries },
    timing: "now",
  });
  return true;
}

function receiveAccepted(
  state: RaftState,
  peer: Progress,
  message: MessageOf<"append-response">,
): void {
  if (message.index > state.log.last) {
    // Nobody can match beyond our end: not an answer to anything we sent.
    state.messagesIgnored += 1;
    return;
  }
  const known = message.index < peer.match;
  acknowledge(peer, message.index); // A2
  if (known) return;
  const reaches = peer.match >= state.log.base.index;
  if (peer.state === "probe" || (peer.state === "snapshot" && reaches)) becomeReplicate(peer);
}

function receiveRejected(
  state: RaftState,
  peer: Progress,
  message: MessageOf<"append-response">,
): void {
  if (peer.state === "snapshot" || message.index <= peer.match) return; // A3
  if (peer.state === "probe" && message.index !== peer.next - 1) return;
  // The peer's hint and our terms skip whole terms at a time (3.5, last paragraphs).
  const meeting = state.log.lastAtOrBelow(message.hintIndex, message.hintTerm);
  const next = Math.min(message.index, meeting + 1);
  becomeProbe(peer, toIndex(Math.max(next, 1)));
}
