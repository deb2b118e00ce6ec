/** A manager's queues beside their limits, as metrics. */
import type { Metrics } from "@skein/common/io/metrics";
import { PROPOSALS_WAITING_MAX } from "../limits.ts";
import type { RaftStatus } from "../raft/status.ts";

export interface Depths {
  readonly raft: RaftStatus;
  readonly applied: number;
  readonly driver: { readonly inputs: number; readonly held: number; readonly unsaved: number };
  readonly proposals: number;
  readonly reads: number;
  readonly sessions: number;
}

export function reportDepths(metrics: Metrics, depths: Depths): void {
  const { raft, driver } = depths;
  metrics.gauge("skein_raft_term", raft.term);
  metrics.gauge("skein_raft_is_leader", raft.role === "leader" ? 1 : 0);
  metrics.gauge("skein_raft_commit_index", raft.commit);
  metrics.gauge("skein_raft_apply_lag_entries", raft.commit - depths.applied);
  metrics.gauge("skein_raft_inputs_queued", driver.inputs);
  metrics.gauge("skein_raft_effects_held", driver.held);
  metrics.gauge("skein_raft_persists_queued", driver.unsaved);
  metrics.gauge("skein_proposals_waiting", depths.proposals);
  metrics.gauge("skein_proposals_waiting_max", PROPOSALS_WAITING_MAX);
  metrics.gauge("skein_reads_waiting", depths.reads);
  metrics.gauge("skein_dispatcher_sessions", depths.sessions);
}
