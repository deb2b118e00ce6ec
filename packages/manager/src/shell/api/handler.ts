/**
 * The form of every handler, and the two steps all of them share: read at the leader, write through
 * it.
 */

import type { Result } from "@skein/common/result";
import { ok } from "@skein/common/result";
import type { Accepted, Command } from "../../store/command.ts";
import type { ManagerPort } from "./port.ts";
import type { Reply } from "./reply.ts";
import { outcomeReply } from "./reply.ts";
import type { ApiRequest } from "./request.ts";

/** A handler may run twice for one request, when leadership moved before anything was proposed. */
export type Handler = (port: ManagerPort, request: ApiRequest) => Reply | Promise<Reply>;

/** A read of the cluster: never older than what was acknowledged before it. */
export function reading(handler: Handler): Handler {
  return async (port, request) => {
    const fresh = await port.linearize();
    if (!fresh.ok) return outcomeReply(fresh.error, request, `${request.method} ${request.url}`);
    return handler(port, request);
  };
}

export interface Write {
  readonly command: Command;
  /** Completes "Cannot confirm …": "creation of service web". */
  readonly operation: string;
}

export async function write(
  port: ManagerPort,
  request: ApiRequest,
  { command, operation }: Write,
): Promise<Result<Accepted, Reply>> {
  const outcome = await port.propose(command, request.requestId);
  if (outcome.ok) return ok(outcome.value);
  return { ok: false, error: outcomeReply(outcome.error, request, operation) };
}

/**
 * A removal that is sent again (after an unknown outcome, or by a manager whose leader died) finds
 * nothing any more: the answer it had is the answer it gets.
 */
export function alreadyRemoved(port: ManagerPort, request: ApiRequest): boolean {
  return port.answered?.(request.requestId)?.ok === true;
}
