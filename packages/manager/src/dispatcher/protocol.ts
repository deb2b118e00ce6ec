/**
 * Inputs and effects of the dispatcher. What is said on the wire is in
 * common/wire/dispatch-messages.
 */
import type { NodeId, SessionId } from "@skein/common/ids";
import type { Instant } from "@skein/common/time";
import type { FromWorker, ToWorker } from "@skein/common/wire/dispatch-messages";
import type { Command } from "../store/command.ts";
import type { Change } from "../store/view.ts";

export type DispatcherInput =
  /** A node's connection, with what its certificate proves. */
  | {
      readonly kind: "opened";
      readonly connection: number;
      readonly nodeId: NodeId;
      readonly role: "manager" | "worker";
    }
  | { readonly kind: "received"; readonly connection: number; readonly message: FromWorker }
  | { readonly kind: "closed"; readonly connection: number }
  /** Answer to `probe`. `refused` alone proves that the process is gone. */
  | {
      readonly kind: "probed";
      readonly nodeId: NodeId;
      readonly session?: SessionId;
      readonly outcome: "refused" | "answered" | "unknown";
    }
  /** The store changed; the view shows the result already. */
  | { readonly kind: "changed"; readonly changes: readonly Change[] }
  /** Answer to `propose`. Not ok: refused, or its outcome is unknown. */
  | { readonly kind: "committed"; readonly token: number; readonly ok: boolean }
  /** The managers changed: workers learn whom to dial. */
  | { readonly kind: "managers"; readonly managers: readonly string[] };

export type DispatcherEffect =
  | { readonly kind: "send"; readonly connection: number; readonly message: ToWorker }
  /** The connection is forgotten: a later `closed` of it changes nothing. */
  | { readonly kind: "close"; readonly connection: number; readonly reason: string }
  /** Dial the worker once; answered by `probed`. */
  | {
      readonly kind: "probe";
      readonly nodeId: NodeId;
      readonly session?: SessionId;
      readonly address: string;
    }
  | { readonly kind: "propose"; readonly token: number; readonly command: Command };

/** Where a step is: its time, and where it collects what it wants done. */
export interface Turn {
  readonly now: Instant;
  emit(effect: DispatcherEffect): void;
}

/** What a proposal was for; kept by token until it is answered. */
export type Purpose =
  | { readonly kind: "join"; readonly connection: number }
  | { readonly kind: "describe"; readonly connection: number }
  | { readonly kind: "judge"; readonly nodeId: NodeId }
  | { readonly kind: "report"; readonly connection: number; readonly batch: number }
  /** Nobody waits for the answer: the last statuses of a connection that closed. */
  | { readonly kind: "farewell" };

/** Proposes a command; the answer comes back with its purpose. */
export type Propose = (turn: Turn, command: Command, purpose: Purpose) => void;
