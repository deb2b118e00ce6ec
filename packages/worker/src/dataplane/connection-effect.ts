/** What is to be done for a client of a published port. */
import type { NodeId, TaskId } from "@skein/common/ids";

/** Where a backend is reached from this node. */
export type ConnectTarget =
  | { readonly kind: "local"; readonly address: string; readonly port: number }
  | {
      readonly kind: "remote";
      readonly dataAddress: string;
      readonly nodeId: NodeId;
      readonly taskId: TaskId;
      readonly port: number;
    };

/** `unknown`: no service serves this. `full`: as many as may be. `down`: no task answered. */
export type Rejection = "unknown" | "full" | "down";

export type ConnectionEffect =
  | {
      readonly kind: "connect";
      readonly id: number;
      /** Counts the tries of one connection; every later word about a try names it. */
      readonly attempt: number;
      readonly taskId: TaskId;
      readonly service: string;
      readonly target: ConnectTarget;
    }
  | { readonly kind: "abort"; readonly id: number; readonly attempt: number }
  /** Join the client with the backend that answered. */
  | { readonly kind: "pipe"; readonly id: number; readonly attempt: number }
  | {
      readonly kind: "reject";
      readonly id: number;
      readonly code: Rejection;
      readonly reason: string;
    };
