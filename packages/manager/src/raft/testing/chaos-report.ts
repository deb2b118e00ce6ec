/** What a storm was: a report of zeros would be a test of nothing. */
import type { ChangeCounts } from "./chaos-changes.ts";

export interface ChaosReport {
  /** Folded over every event: equal seeds give equal traces. */
  readonly trace: number;
  readonly steps: number;
  readonly committed: number;
  readonly term: number;
  readonly readsAnswered: number;
  readonly crashes: number;
  readonly snapshotsSent: number;
  /** Changes of the configuration that leaders appended, by kind, and those refused. */
  readonly changes: ChangeCounts;
}
