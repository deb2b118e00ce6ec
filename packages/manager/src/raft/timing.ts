/** The times and bounds of one Raft member; the defaults, with their reasons, are in limits.ts. */
import { assert } from "@skein/common/assert";
import * as limits from "../limits.ts";

export interface RaftTiming {
  readonly heartbeatMs: number;
  readonly electionTimeoutMsMin: number;
  readonly electionTimeoutMsMax: number;
  readonly leaderGoneJitterMs: number;
  readonly stallMs: number;
  readonly flushMs: number;
  readonly commitNoticeMs: number;
}

export interface RaftBounds {
  readonly appendBytesMax: number;
  readonly appendEntriesMax: number;
  readonly inflightMax: number;
  readonly inflightBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly uncommittedEntriesMax: number;
  readonly applyBytesMax: number;
  readonly applyEntriesMax: number;
  readonly readsMax: number;
}

export type RaftLimits = RaftTiming & RaftBounds;

export function raftLimits(changed: Partial<RaftLimits>): RaftLimits {
  const result = { ...defaults, ...changed };
  const { heartbeatMs, electionTimeoutMsMin, electionTimeoutMsMax } = result;
  assert(heartbeatMs * 2 <= electionTimeoutMsMin, "an election timeout holds two heartbeats");
  assert(electionTimeoutMsMin < electionTimeoutMsMax, "election timeouts need a spread");
  return result;
}

const defaults: RaftLimits = {
  heartbeatMs: limits.RAFT_HEARTBEAT_MS,
  electionTimeoutMsMin: limits.RAFT_ELECTION_TIMEOUT_MS_MIN,
  electionTimeoutMsMax: limits.RAFT_ELECTION_TIMEOUT_MS_MAX,
  leaderGoneJitterMs: limits.RAFT_LEADER_GONE_JITTER_MS,
  stallMs: limits.RAFT_STALL_MS,
  flushMs: limits.RAFT_FLUSH_MS,
  commitNoticeMs: limits.RAFT_COMMIT_NOTICE_MS,
  appendBytesMax: limits.RAFT_APPEND_BYTES_MAX,
  appendEntriesMax: limits.RAFT_APPEND_ENTRIES_MAX,
  inflightMax: limits.RAFT_INFLIGHT_MAX,
  inflightBytesMax: limits.RAFT_INFLIGHT_BYTES_MAX,
  uncommittedBytesMax: limits.RAFT_UNCOMMITTED_BYTES_MAX,
  uncommittedEntriesMax: limits.RAFT_UNCOMMITTED_ENTRIES_MAX,
  applyBytesMax: limits.RAFT_APPLY_BYTES_MAX,
  applyEntriesMax: limits.RAFT_APPLY_ENTRIES_MAX,
  readsMax: limits.RAFT_READS_MAX,
};
