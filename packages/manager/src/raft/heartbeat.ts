/**
 * Heartbeats (thesis 3.4), numbered in rounds so that their answers can confirm reads (6.4).
 *
 * Invariants:
 *   H1. A heartbeat's commit index never exceeds what is known to match at that peer: the peer may
 *       take it as it is. Its answer says nothing of the peer's log and never advances `match`.
 *   H2. Every broadcast has a number of its own: an answer to round k was sent after round k began.
 */
import type { LogIndex, RaftId } from "@skein/common/ids";
import { later } from "@skein/common/time";
import type { Progress } from "./progress.ts";
import { becomeReplicate, releaseOldest, windowFull } from "./progress.ts";
import type { MessageOf } from "./protocol.ts";
import { sendEmptyAppend } from "./replication.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { advanceCommitTo, send } from "./state.ts";

/** Begins a new round at every peer. */
export function broadcastHeartbeat(state: RaftState, leader: LeaderRole): void {
  leader.round += 1; // H2
  leader.heartbeatAt = later(state.now, state.limits.heartbeatMs);
  for (const [id, peer] of leader.peers) sendHeartbeat(state, leader, { id, peer });
}

/** Tells peers of a commit that no append carried to them; repeats the round that was sent last. */
export function noticeCommit(state: RaftState, leader: LeaderRole): void {
  let waiting = false;
  const due = leader.noticeAt !== undefined && state.now >= leader.noticeAt;
  for (const [id, peer] of leader.peers) {
    if (tellable(state, peer) <= peer.commitTold) continue;
    if (due) sendHeartbeat(state, leader, { id, peer });
    else waiting = true;
  }
  if (!waiting) leader.noticeAt = undefined;
  else leader.noticeAt ??= later(state.now, state.limits.commitNoticeMs);
}

export function receiveHeartbeat(
  state: RaftState,
  from: RaftId,
  message: MessageOf<"heartbeat">,
): void {
  const commit = message.commit < state.log.last ? message.commit : state.log.last;
  if (commit > state.commit) advanceCommitTo(state, commit);
  const { term, round } = message;
  send(state, from, { message: { kind: "heartbeat-response", term, round }, timing: "now" });
}

export function receiveHeartbeatResponse(
  state: RaftState,
  leader: LeaderRole,
  answer: { readonly from: RaftId; readonly peer: Progress; readonly round: number },
): void {
  const { from, peer, round } = answer;
  if (round > peer.round && round <= leader.round) peer.round = round;
  if (peer.state !== "replicate") {
    // The peer lives: whatever the pause waited for may be lost, so ask again.
    peer.paused = false;
    if (peer.state === "probe" && peer.match === state.log.last) becomeReplicate(peer);
    return;
  }
  const oldest = peer.inflight[0];
  if (oldest === undefined || later(oldest.sentAt, state.limits.heartbeatMs) > state.now) return;
  // Unanswered for a heartbeat: slow, or lost. An empty append at the end of the stream tells
  // which.
  if (windowFull(peer, state.limits)) releaseOldest(peer);
  sendEmptyAppend(state, from, peer);
}

function sendHeartbeat(
  state: RaftState,
  leader: LeaderRole,
  to: { readonly id: RaftId; readonly peer: Progress },
): void {
  const commit = tellable(state, to.peer); // H1
  if (commit > to.peer.commitTold) to.peer.commitTold = commit;
  send(state, to.id, {
    message: { kind: "heartbeat", term: state.term, commit, round: leader.round },
    timing: "now",
  });
}

function tellable(state: RaftState, peer: Progress): LogIndex {
  return state.commit < peer.match ? state.commit : peer.match;
}
