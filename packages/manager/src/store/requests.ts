/**
 * What each request was answered with, so that a client which asks again after an unknown outcome
 * gets the first answer and no second effect.
 *
 * Invariants:
 *   Q1. Part of the replicated state: every replica remembers the same requests and forgets the
 *       same.
 *   Q2. At most `REQUESTS_ANSWERED_MAX`; the one answered longest ago goes first. The map's order
 *       is the order of answering, and a snapshot keeps it.
 *   Q3. An answer is given only to the request it belongs to: the same id with another subject is
 *       refused.
 */
import { unreachable } from "@skein/common/assert";
import type { RequestId } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Decoded } from "@skein/common/wire/schema";
import { count, id, text } from "@skein/common/wire/schema";
import * as v from "valibot";
import { REQUESTS_ANSWERED_MAX } from "../limits.ts";
import type { Accepted, Command, Refusal } from "./command.ts";
import type { RefusalCode } from "./refusal.ts";
import { REFUSALS, requestReused } from "./refusal.ts";

export const answeredSchema = v.object({
  request: id<RequestId>(),
  /** What was asked, without what the server drew: "create-service web". */
  subject: text,
  index: count,
  accepted: v.exactOptional(
    v.object({
      id: v.exactOptional(text),
      warnings: v.array(text),
      skipped: v.array(v.object({ item: text, reason: text })),
    }),
  ),
  refusal: v.exactOptional(
    v.object({
      // Object.keys gives strings; REFUSALS is a record of exactly these codes.
      code: v.picklist(Object.keys(REFUSALS) as RefusalCode[]),
      message: text,
    }),
  ),
});
export type Answered = Decoded<typeof answeredSchema>;

/** What readers may ask. */
export interface Requests {
  readonly size: number;
  /** The answer of a request that was applied, if it is still remembered. */
  answer(request: RequestId): Result<Accepted, Refusal> | undefined;
}

export class RequestLedger implements Requests {
  readonly #answered = new Map<RequestId, Answered>();

  get size(): number {
    return this.#answered.size;
  }

  answer(request: RequestId): Result<Accepted, Refusal> | undefined {
    const answered = this.#answered.get(request);
    return answered === undefined ? undefined : resultOf(answered);
  }

  /**
   * The answer to give instead of applying `command`, when its request was answered before (Q3).
   */
  repeated(request: RequestId, command: Command): Result<Accepted, Refusal> | undefined {
    const answered = this.#answered.get(request);
    if (answered === undefined) return undefined;
    if (answered.subject !== subjectOf(command)) return requestReused(request, answered.subject);
    return resultOf(answered);
  }

  /** Returns the one that is forgotten for it, if any. */
  record(answered: Answered): Answered | undefined {
    this.#answered.set(answered.request, answered);
    if (this.#answered.size <= REQUESTS_ANSWERED_MAX) return undefined;
    const [oldest] = this.#answered.values();
    if (oldest !== undefined) this.#answered.delete(oldest.request);
    return oldest;
  }

  /** After a restore: what the snapshot remembers, and nothing else. */
  reset(answered: readonly Answered[]): void {
    this.#answered.clear();
    for (const one of answered) this.record(one);
  }

  /** In order of answering (Q2). */
  list(): readonly Answered[] {
    return [...this.#answered.values()];
  }
}

export function answeredOf(
  request: RequestId,
  command: Command,
  outcome: { readonly index: number; readonly result: Result<Accepted, Refusal> },
): Answered {
  const { index, result } = outcome;
  const subject = subjectOf(command);
  return result.ok
    ? { request, subject, index, accepted: result.value }
    : { request, subject, index, refusal: result.error };
}

function resultOf({ accepted, refusal }: Answered): Result<Accepted, Refusal> {
  return refusal === undefined ? ok(accepted ?? { warnings: [], skipped: [] }) : fail(refusal);
}

/**
 * Names what a client asked for. Ids drawn by the server are left out, since a repeated request
 * draws others; so are specs, since another manager may fill in other defaults.
 */
function subjectOf(command: Command): string {
  const { kind } = command;
  switch (command.kind) {
    case "init-cluster":
      return `${kind} ${command.cluster.name}`;
    case "create-service":
    case "create-config":
    case "create-secret":
    case "create-network":
      return `${kind} ${command.spec.name}`;
    case "join-node":
    case "admit-node":
    case "describe-node":
    case "set-node-state":
    case "remove-node":
    case "register-manager":
    case "unregister-manager":
    case "report-tasks":
      return `${kind} ${command.nodeId}`;
    case "update-node":
      return `${kind} ${command.nodeId} version ${command.version}`;
    case "update-service":
      return `${kind} ${command.serviceId} version ${command.version}`;
    case "run-job":
      return `${kind} ${command.serviceId} ${command.scheduledFor}`;
    case "set-trust":
      return `${kind} ${command.specIndex}`;
    case "end-root-rotation":
      return `${kind} ${command.issuer}`;
    case "remove-service":
    case "forget-service":
    case "set-update-status":
    case "fill-slots":
    case "remove-slots":
      return `${kind} ${command.serviceId}`;
    case "update-config":
      return `${kind} ${command.configId} version ${command.version}`;
    case "update-secret":
      return `${kind} ${command.secretId} version ${command.version}`;
    case "remove-secret":
      return `${kind} ${command.secretId}`;
    case "remove-config":
      return `${kind} ${command.configId}`;
    case "remove-network":
    case "forget-network":
      return `${kind} ${command.networkId}`;
    case "write-stack":
      return `${kind} ${command.name} version ${command.version}`;
    case "set-desired":
    case "assign-tasks":
    case "explain-tasks":
    case "end-tasks":
    case "delete-tasks":
    case "allocate-tasks":
      return kind;
    default:
      return unreachable(command);
  }
}
