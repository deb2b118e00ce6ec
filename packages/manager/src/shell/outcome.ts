/** How a write or a linearizable read ended when it did not end well. Codes: docs/ERRORS.md. */
import type { RequestId } from "@skein/common/ids";
import type { Refusal } from "../store/command.ts";

export interface ClusterOutcome {
  readonly code: "not-leader" | "no-leader" | "no-quorum" | "overloaded" | "disk-full" | "stopping";
  readonly message: string;
}

/**
 * Appended, but not known to be committed in time: it may still take effect. Never called a
 * failure.
 */
export interface UnknownOutcome {
  readonly code: "outcome-unknown";
  readonly message: string;
  readonly requestId?: RequestId;
}

export type Outcome = ClusterOutcome | UnknownOutcome | Refusal;
