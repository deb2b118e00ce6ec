/**
 * Compaction and snapshots (thesis 5.1-5.3). The machine sees the metadata only: the shell builds,
 * sends and receives the content over a connection of its own, and hands over what is complete and
 * durable.
 *
 * Invariants:
 *   N1. base <= snapshot index <= applied <= commit.
 *   N2. A snapshot at or below the commit index is never installed: it could only take state back.
 *   N3. A snapshot whose last entry is in this log keeps the log: only the commit index moves.
 *   N4. While a snapshot is on its way to a peer, the entries behind it are kept, or it would
 *       arrive stale and the next one would have to follow.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex, RaftId } from "@skein/common/ids";
import { acceptUpTo } from "./append-entries.ts";
import { toIndex } from "./log.ts";
import { compactHistory, historyOf } from "./membership.ts";
import type { Progress } from "./progress.ts";
import { becomeProbe } from "./progress.ts";
import type { SnapshotMeta } from "./protocol.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { advanceCommitTo } from "./state.ts";

/** The state machine's snapshot up to `meta.index` is durable: entries before `keepFrom` may go. */
export function compact(state: RaftState, meta: SnapshotMeta, keepFrom: LogIndex): void {
  assert(meta.index <= state.applied, `snapshot ${meta.index} > applied ${state.applied}`);
  assert(keepFrom <= meta.index + 1, `keepFrom ${keepFrom} > snapshot ${meta.index} + 1`);
  const term = state.log.termAt(meta.index);
  assert(term === undefined || term === meta.term, `snapshot ${meta.index} of term ${meta.term}`);
  if (meta.index > state.snapshot.index) {
    state.snapshot = meta;
    state.configurations = compactHistory(state.configurations, meta);
  }
  state.log.compact(keptFrom(state, keepFrom));
}

/** A complete snapshot from the leader of this term (5.3). */
export function receiveSnapshot(state: RaftState, from: RaftId, meta: SnapshotMeta): void {
  const known = state.log.termAt(meta.index);
  if (meta.index <= state.commit) {
    assert(
      known === undefined || known === meta.term,
      `committed entry ${meta.index} has term ${known}, the snapshot says ${meta.term}`,
    );
    acceptUpTo(state, from, state.commit); // N2
    return;
  }
  if (known === meta.term)
    advanceCommitTo(state, meta.index); // N3
  else install(state, meta);
  acceptUpTo(state, from, meta.index);
}

/**
 * The transfer to `peer` ended. It is asked where it stands; a failed one waits for its next
 * heartbeat.
 */
export function snapshotSent(peer: Progress, delivered: boolean): void {
  if (peer.state !== "snapshot") return;
  const behind = delivered && peer.snapshotIndex !== undefined ? peer.snapshotIndex : peer.match;
  becomeProbe(peer, toIndex(behind + 1));
  peer.paused = !delivered;
}

function install(state: RaftState, meta: SnapshotMeta): void {
  state.log.restart(meta, state.commit);
  state.snapshot = meta;
  state.configurations = historyOf(meta);
  advanceCommitTo(state, meta.index);
  state.applied = meta.index;
  state.installed = meta;
}

function keptFrom(state: RaftState, keepFrom: LogIndex): LogIndex {
  if (state.role.kind !== "leader") return keepFrom;
  return lowestWanted(state.role, keepFrom); // N4
}

function lowestWanted(leader: LeaderRole, keepFrom: LogIndex): LogIndex {
  let from = keepFrom;
  for (const peer of leader.peers.values()) {
    if (peer.snapshotIndex !== undefined && peer.snapshotIndex < from) {
      from = toIndex(peer.snapshotIndex + 1);
    }
  }
  return from;
}
