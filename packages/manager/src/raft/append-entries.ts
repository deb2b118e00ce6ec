/**
 * Log replication, the follower's half (thesis 3.5).
 *
 * Invariants:
 *   F1. An entry is replaced only if its term differs from the leader's entry at that index; an
 *       append that holds less than this log (late, duplicated) shortens nothing.
 *   F2. The acknowledgement names the last index this very append verified, never this log's end:
 *       what lies behind may be another leader's.
 *   F3. The commit index follows the leader's only within the verified range, for the same reason.
 *   F4. The acknowledgement leaves after everything it vouches for is durable.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex, RaftId } from "@skein/common/ids";
import { term as toTerm } from "@skein/common/ids";
import { toIndex } from "./log.ts";
import { decodeConfiguration, extendHistory, rollBackHistory } from "./membership.ts";
import type { Entry, MessageOf } from "./protocol.ts";
import type { RaftState } from "./state.ts";
import { advanceCommitTo, send } from "./state.ts";

export function receiveAppend(state: RaftState, from: RaftId, message: MessageOf<"append">): void {
  if (!matches(state, message)) {
    rejectAppend(state, from, message);
    return;
  }
  appendMissing(state, message.entries);
  const verified = toIndex(message.prevIndex + message.entries.length);
  const commit = message.commit < verified ? message.commit : verified; // F3
  if (commit > state.commit) advanceCommitTo(state, commit);
  acceptUpTo(state, from, verified > state.commit ? verified : state.commit);
}

/**
 * Tells the leader of this term that this log equals its own up to `index` (F2), once durable (F4).
 */
export function acceptUpTo(state: RaftState, to: RaftId, index: LogIndex): void {
  assert(index <= state.log.last, `accepting ${index}, last is ${state.log.last}`);
  const { term } = state;
  send(state, to, {
    message: { ...noHint, kind: "append-response", term, accepted: true, index },
    timing: "after-durable",
  });
}

/**
 * Refuses an append: with a hint where to look, and with this member's term for a leader that is
 * stale.
 */
export function rejectAppend(state: RaftState, to: RaftId, message: MessageOf<"append">): void {
  const { term } = state;
  const hintIndex = state.log.lastAtOrBelow(message.prevIndex, message.prevTerm);
  const hintTerm = state.log.termAt(hintIndex);
  const hint = hintTerm === undefined ? noHint : { hintIndex, hintTerm };
  const index = message.prevIndex;
  send(state, to, {
    message: { ...hint, kind: "append-response", term, accepted: false, index },
    timing: "after-durable",
  });
}

/**
 * Whether an append from a peer is what a leader could have sent: contiguous, ordered, decodable.
 */
export function isWellFormedAppend(message: MessageOf<"append">): boolean {
  let { prevIndex, prevTerm }: { prevIndex: number; prevTerm: number } = message;
  for (const entry of message.entries) {
    if (entry.index !== prevIndex + 1 || entry.term < prevTerm) return false;
    if (entry.kind === "config" && !decodeConfiguration(entry).ok) return false;
    prevIndex = entry.index;
    prevTerm = entry.term;
  }
  return prevTerm <= message.term;
}

const noHint = { hintIndex: toIndex(0), hintTerm: toTerm(0) };

function matches(state: RaftState, message: MessageOf<"append">): boolean {
  const known = state.log.termAt(message.prevIndex);
  if (message.prevIndex > state.commit) return known === message.prevTerm;
  // What is committed here is in every leader's log (leader completeness, 3.6.3).
  assert(
    known === undefined || known === message.prevTerm,
    `committed entry ${message.prevIndex} has term ${known}, its leader says ${message.prevTerm}`,
  );
  return true;
}

/** F1: skips what is here already, replaces from the first conflict on. */
function appendMissing(state: RaftState, entries: readonly Entry[]): void {
  const fresh = entries.findIndex(
    (entry) => entry.index > state.log.base.index && state.log.termAt(entry.index) !== entry.term,
  );
  const first = entries[fresh];
  if (first === undefined) return;
  if (first.index <= state.log.last) {
    state.log.truncate(first.index, state.commit);
    state.configurations = rollBackHistory(state.configurations, first.index);
  }
  const missing = entries.slice(fresh);
  state.log.append(missing);
  state.configurations = extendHistory(state.configurations, missing);
}
