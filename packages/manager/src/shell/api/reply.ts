/** What a handler answers, as a value, and how it goes out. */
import type { ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { COMMON_HEADERS, JSON_TYPE, NO_LEADER } from "@skein/common/api/api-version";
import { unreachable } from "@skein/common/assert";
import type { ApiError, Checked } from "../../control/api-error.ts";
import { LIST_SLICE_ROWS } from "../../limits.ts";
import { refusalAnswer } from "../../store/refusal.ts";
import type { Outcome } from "../outcome.ts";
import type { ApiRequest } from "./request.ts";
import { REQUEST_ID_HEADER } from "./request.ts";

export type Reply =
  | { readonly kind: "json"; readonly status: number; readonly body: unknown }
  /** Written in slices, so that a long list does not hold up elections. */
  | { readonly kind: "list"; readonly rows: Iterable<unknown> }
  | { readonly kind: "empty"; readonly status: number }
  | {
      readonly kind: "text";
      readonly text: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly kind: "error"; readonly error: ApiError }
  /**
   * Nothing was done: there is no leader, or this is no longer it. The same request may go again.
   */
  | { readonly kind: "no-leader" }
  | {
      readonly kind: "stream";
      readonly contentType: string;
      /** Called once the headers are on their way; ends or destroys the response. */
      readonly run: (response: ServerResponse) => void;
    };

export function json(body: unknown, status = 200): Reply {
  return { kind: "json", status, body };
}

export function empty(status = 200): Reply {
  return { kind: "empty", status };
}

export function listed<Row>(rows: readonly Row[], shape: (row: Row) => unknown): Reply {
  return {
    kind: "list",
    rows: (function* () {
      for (const row of rows) yield shape(row);
    })(),
  };
}

/** An error of validation, or what `reply` makes of the value. */
export function replyTo<T>(checked: Checked<T>, reply: (value: T) => Reply): Reply {
  return checked.ok ? reply(checked.value) : { kind: "error", error: checked.error };
}

export function failure(status: number, code: string, message: string): Reply {
  return { kind: "error", error: { status, code, message } };
}

/** `operation` completes "Cannot confirm …". */
export function outcomeReply(outcome: Outcome, request: ApiRequest, operation: string): Reply {
  switch (outcome.code) {
    case "not-leader":
    case "no-leader":
    case "no-quorum":
    case "stopping":
      return { kind: "no-leader" };
    case "overloaded":
      return failure(
        503,
        "overloaded",
        `rpc error: code = ResourceExhausted desc = ${outcome.message}`,
      );
    case "disk-full":
      return failure(
        503,
        "disk-full",
        `rpc error: code = ResourceExhausted desc = ${outcome.message}`,
      );
    case "outcome-unknown":
      return unknownReply(request, operation, outcome.message);
    default: {
      const { status, message } = refusalAnswer(outcome);
      return failure(status, outcome.code, message);
    }
  }
}

/** It may have happened: never called a failure. */
export function unknownReply(request: ApiRequest, operation: string, why: string): Reply {
  return failure(
    500,
    "outcome-unknown",
    `Cannot confirm ${operation}: outcome unknown (${why}), request id ${request.requestId}: ` +
      "look whether it took effect, or send it again with this id as Idempotency-Key",
  );
}

export const NO_LEADER_REPLY: Reply = failure(500, "no-leader", NO_LEADER);

/** An answer that is short and whole: it may travel in one message. */
export interface PlainReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Undefined: a list or a stream, which are written piece by piece. */
export function plainReply(reply: Reply): PlainReply | undefined {
  switch (reply.kind) {
    case "json":
      return plainJson(reply.status, reply.body);
    case "empty":
      return { status: reply.status, headers: {}, body: NO_BODY };
    case "text":
      return { status: 200, headers: reply.headers, body: Buffer.from(reply.text) };
    case "error": {
      const { status, code, message } = reply.error;
      const plain = plainJson(status, { message });
      if (code !== "overloaded") return plain;
      return { ...plain, headers: { ...plain.headers, "Retry-After": "1" } };
    }
    case "no-leader":
      return plainReply(NO_LEADER_REPLY);
    case "list":
    case "stream":
      return undefined;
    default:
      return unreachable(reply);
  }
}

export function sendPlain(
  response: ServerResponse,
  reply: PlainReply,
  request: ApiRequest | undefined,
): void {
  const { body } = reply;
  // One flat list: node:http then checks and copies each header once.
  const headers = [...COMMON_PAIRS];
  if (request !== undefined) headers.push(REQUEST_ID_HEADER, request.requestId);
  for (const name in reply.headers) headers.push(name, reply.headers[name] ?? "");
  // RFC 9110: an answer 204 has no length.
  if (reply.status !== 204) headers.push("Content-Length", String(body.length));
  response.writeHead(reply.status, headers);
  response.end(body);
}

export async function sendReply(
  reply: Reply,
  response: ServerResponse,
  request: ApiRequest | undefined,
): Promise<void> {
  const plain = plainReply(reply);
  if (plain !== undefined) {
    sendPlain(response, plain, request);
    return;
  }
  const id = request?.requestId;
  if (id !== undefined) response.setHeader(REQUEST_ID_HEADER, id);
  for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
  if (reply.kind === "list") return sendList(response, reply.rows);
  if (reply.kind !== "stream") return;
  response.writeHead(200, { "Content-Type": reply.contentType });
  // The client waits for the headers before it shows anything.
  response.flushHeaders();
  reply.run(response);
}

export function plainJson(status: number, value: unknown): PlainReply {
  return { status, headers: JSON_HEADERS, body: Buffer.from(`${JSON.stringify(value)}\n`) };
}

export const NO_BODY = new Uint8Array(0);
const JSON_HEADERS = { "Content-Type": JSON_TYPE };
const COMMON_PAIRS = Object.entries(COMMON_HEADERS).flat();

async function sendList(response: ServerResponse, rows: Iterable<unknown>): Promise<void> {
  response.writeHead(200, { "Content-Type": JSON_TYPE });
  let slice = "[";
  let count = 0;
  for (const row of rows) {
    slice += `${count === 0 ? "" : ","}${JSON.stringify(row)}`;
    count += 1;
    if (count % LIST_SLICE_ROWS !== 0) continue;
    const taken = response.write(slice);
    slice = "";
    await (taken ? nextTurn() : drained(response));
    if (response.destroyed) return;
  }
  response.end(`${slice}]\n`);
}

/** The kernel took what was written, or the client is gone. */
export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}
