/**
 * How a request is refused: HTTP status, and the sentence the client shows after "Error response
 * from daemon:". Docker's own texts where Docker has one (gRPC prefix included, since clients match
 * on it), else `Cannot <verb> <object>: <reason>: <remedy>`.
 */
import type { Result } from "../result.ts";
import { fail } from "../result.ts";

export interface ApiError {
  readonly status: number;
  /** For logs, metrics and `docs/ERRORS.md`; the Engine API shows the message alone. */
  readonly code: string;
  readonly message: string;
}

export type Checked<T> = Result<T, ApiError>;

export function refuse(status: number, code: string, message: string): Checked<never> {
  return fail({ status, code, message });
}

/** 400 without prefix: what the Engine API itself finds wrong, before the cluster sees it. */
export function badRequest(message: string): Checked<never> {
  return refuse(400, "bad-request", message);
}

/** 400: the cluster's own validation. */
export function invalidArgument(message: string): Checked<never> {
  return refuse(400, "invalid-argument", rpc("InvalidArgument", message));
}

export function failedPrecondition(message: string): Checked<never> {
  return refuse(400, "failed-precondition", rpc("FailedPrecondition", message));
}

export function notFound(kind: string, reference: string): Checked<never> {
  return refuse(404, `${kind}-not-found`, `${kind} ${reference} not found`);
}

/** 501: known to Docker, not there yet here. The message says what and why. */
export function unsupported(message: string): Checked<never> {
  return refuse(501, "unsupported", message);
}

/** 501 in the words of Swarm: changes it never allows. */
export function unimplemented(message: string): Checked<never> {
  return refuse(501, "unimplemented", rpc("Unimplemented", message));
}

/** 500: what dockerd lets through as an unclassified error; clients match on the text. */
export function unclassified(message: string): Checked<never> {
  return refuse(500, "invalid-argument", message);
}

export function rpc(code: string, message: string): string {
  return `rpc error: code = ${code} desc = ${message}`;
}
