/**
 * One connection of a worker.
 *
 *   opened   it has said nothing yet
 *   joining  it said `hello`; the session is being stored
 *   live     welcomed: assignments and routes flow
 */
import type { NodeId, SessionId } from "@skein/common/ids";
import type { Instant } from "@skein/common/time";
import { later } from "@skein/common/time";
import type { TaskReport } from "@skein/common/wire/dispatch-messages";
import { DISPATCH_HELLO_MS, DISPATCH_SILENCE_MS } from "../limits.ts";
import type { AssignmentStream } from "./assignments.ts";
import type { ReportLane } from "./report-lane.ts";

export interface Connection {
  readonly id: number;
  readonly nodeId: NodeId;
  readonly role: "manager" | "worker";
  heardAt: Instant;
  /** An announced restart: silence means nothing until then. */
  patientUntil: Instant | undefined;
  /** It announced its end for good: the node is down, and what it still reports is welcome. */
  isLeaving: boolean;
  phase:
    | { readonly kind: "opened" }
    | {
        readonly kind: "joining";
        readonly session: SessionId;
        readonly tasks: readonly TaskReport[];
      }
    | Live;
}

export interface Live {
  readonly kind: "live";
  readonly session: SessionId;
  readonly assignments: AssignmentStream;
  readonly reports: ReportLane;
}

export function newConnection(
  now: Instant,
  opened: Pick<Connection, "id" | "nodeId" | "role">,
): Connection {
  const { id, nodeId, role } = opened;
  const phase = { kind: "opened" } as const;
  return { id, nodeId, role, heardAt: now, patientUntil: undefined, isLeaving: false, phase };
}

/** When the connection is given up if nothing more is heard, and why. */
export function silenceOf(connection: Connection): {
  readonly at: Instant;
  readonly reason: string;
} {
  const { phase, heardAt, patientUntil } = connection;
  if (phase.kind === "opened") {
    return { at: later(heardAt, DISPATCH_HELLO_MS), reason: "said no hello" };
  }
  const at = later(heardAt, DISPATCH_SILENCE_MS);
  const reason = `silent for ${DISPATCH_SILENCE_MS / 1000} s`;
  return patientUntil !== undefined && patientUntil > at
    ? { at: patientUntil, reason: "did not come back from its restart" }
    : { at, reason };
}
