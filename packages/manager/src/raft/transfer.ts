/**
 * Leadership transfer (thesis 3.10): proposals stop, the target catches up, then it is told to
 * campaign at once, past the vote lease of the others.
 *
 *   X1. A transfer lives in the leader's role record: it ends with the leadership (a leader that
 *       lost office in mid-transfer and wins it back accepts proposals).
 *   X2. A transfer that did not succeed within a shortest election timeout is given up.
 *   X3. Only the leader of this very term can make a voter campaign.
 */
import type { RaftId } from "@skein/common/ids";
import { later } from "@skein/common/time";
import type { Progress } from "./progress.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { effective, send } from "./state.ts";

/**
 * Begins a transfer to `to`, or to the voter with the longest matching log; nothing if there is
 * none.
 */
export function startTransfer(state: RaftState, leader: LeaderRole, to: RaftId | undefined): void {
  const target = to ?? mostAdvanced(state, leader);
  if (target === undefined || !effective(state).voters.includes(target)) return;
  if (!leader.peers.has(target) || leader.transfer?.to === target) return;
  const deadline = later(state.now, state.limits.electionTimeoutMsMin);
  leader.transfer = { to: target, deadline, told: false };
}

/**
 * After every step: tells the target once its log is complete, gives up when the time is over (X2).
 */
export function advanceTransfer(state: RaftState, leader: LeaderRole): void {
  const { transfer } = leader;
  if (transfer === undefined) return;
  if (state.now >= transfer.deadline) {
    leader.transfer = undefined;
    return;
  }
  if (transfer.told || leader.peers.get(transfer.to)?.match !== state.log.last) return;
  transfer.told = true;
  send(state, transfer.to, { message: { kind: "timeout-now", term: state.term }, timing: "now" });
}

/** The voter to hand over to: of those that stay and were heard, the one with the longest log. */
export function mostAdvanced(state: RaftState, leader: LeaderRole): RaftId | undefined {
  const configuration = effective(state);
  let best: { readonly id: RaftId; readonly peer: Progress } | undefined;
  for (const [id, peer] of leader.peers) {
    if (!configuration.voters.includes(id) || peer.contactAt === undefined) continue;
    if (best === undefined || peer.match > best.peer.match) best = { id, peer };
  }
  return best?.id;
}
