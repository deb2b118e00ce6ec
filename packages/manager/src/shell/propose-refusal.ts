/** Why a write is refused before anything of it is appended. */
import { PROPOSALS_WAITING_MAX } from "../limits.ts";
import type { ClusterOutcome } from "./outcome.ts";

export interface ProposeFacts {
  readonly isClosed: boolean;
  readonly leads: boolean;
  readonly waiting: number;
  /** Why the disk takes nothing, if so. */
  readonly disk: string | undefined;
}

export function proposeRefusal(facts: ProposeFacts): ClusterOutcome | undefined {
  const { isClosed, leads, waiting, disk } = facts;
  if (isClosed) return { code: "stopping", message: "this manager is stopping" };
  if (!leads) return { code: "not-leader", message: "this manager is not the leader" };
  if (waiting >= PROPOSALS_WAITING_MAX) {
    return { code: "overloaded", message: "too many writes are under way: try again" };
  }
  return disk === undefined ? undefined : { code: "disk-full", message: disk };
}
