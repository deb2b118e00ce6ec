/**
 * Inputs and effects of the agent. Links are numbered by the agent; an input of an old one is
 * ignored.
 */
import type { Evidence } from "@skein/common/gossip/protocol";
import type { NodeId, TaskId } from "@skein/common/ids";
import type { LogLevel } from "@skein/common/io/log";
import type { LinkEnd } from "@skein/common/io/network";
import type { FromWorker, ToWorker, TrustNotice } from "@skein/common/wire/dispatch-messages";
import type { FromDataPlane, ToDataPlane } from "../dataplane/protocol.ts";
import type { CheckSpec, EngineEvent, FoundTask, RunSpec } from "../engine/engine.ts";
import type { DatabaseEntry, TaskRecord } from "./task-record.ts";

export type AgentInput =
  /** The first input: what the database and the engine of a former agent left. */
  | {
      readonly kind: "restore";
      readonly records: readonly TaskRecord[];
      readonly managers: readonly string[];
      readonly found: readonly FoundTask[];
    }
  | { readonly kind: "opened"; readonly link: number }
  | { readonly kind: "received"; readonly link: number; readonly message: ToWorker }
  | { readonly kind: "closed"; readonly link: number; readonly end: LinkEnd }
  | { readonly kind: "engine"; readonly event: EngineEvent }
  | { readonly kind: "data-plane"; readonly message: FromDataPlane }
  /** This node's gossip judged another. */
  | { readonly kind: "verdict"; readonly nodeId: NodeId; readonly evidence: Evidence }
  /** The node has a new certificate: a session with the old one would show the old role. */
  | { readonly kind: "reconnect" }
  /** What the node says of itself has changed. */
  | { readonly kind: "described" }
  /** A planned end. `keepTasks`: the agent will be back within `backWithinMs` and adopts them. */
  | { readonly kind: "leave"; readonly keepTasks: boolean; readonly backWithinMs: number };

export type AgentEffect =
  | { readonly kind: "dial"; readonly link: number; readonly address: string }
  | { readonly kind: "send"; readonly link: number; readonly message: FromWorker }
  | { readonly kind: "close"; readonly link: number; readonly reason: string }
  | { readonly kind: "save"; readonly entry: DatabaseEntry }
  | { readonly kind: "prepare"; readonly spec: RunSpec }
  | { readonly kind: "start"; readonly taskId: TaskId }
  | { readonly kind: "check"; readonly spec: CheckSpec }
  | { readonly kind: "stop"; readonly taskId: TaskId }
  | { readonly kind: "remove"; readonly taskId: TaskId }
  | { readonly kind: "data-plane"; readonly message: ToDataPlane }
  /** The store's word, for gossip to carry; before the `data-plane` effect it leads to. */
  | {
      readonly kind: "learnt";
      readonly message: Extract<ToWorker, { readonly kind: "members" | "routes" }>;
    }
  | {
      readonly kind: "note";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields?: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "count"; readonly name: string }
  | { readonly kind: "trust"; readonly notice: TrustNotice }
  /** The planned end is complete: nothing runs here (or is kept on purpose), statuses are told. */
  | { readonly kind: "left" };

/** What one step of the agent collects. */
export interface Turn {
  emit(effect: AgentEffect): void;
}
