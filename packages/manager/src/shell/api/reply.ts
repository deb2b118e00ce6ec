/** What a handler answers, as a value, and how it goes out. */
import type { ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { COMMON_HEADERS, JSON_TYPE, NO_LEADER } from "@skein/common/api/api-version";
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

export async function sendReply(
  reply: Reply,
  response: ServerResponse,
  request: ApiRequest | undefined,
): Promise<void> {
  const id = request?.requestId;
  if (id !== undefined) response.setHeader(REQUEST_ID_HEADER, id);
  for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
  switch (reply.kind) {
    case "json":
      return sendJson(response, reply.status, reply.body);
    case "list":
      return sendList(response, reply.rows);
    case "empty":
      response.writeHead(reply.status, { "Content-Length": 0 }).end();
      return;
    case "text":
      response.writeHead(200, reply.headers).end(reply.text);
      return;
    case "error":
      return sendError(response, reply.error);
    case "no-leader":
      return sendReply(NO_LEADER_REPLY, response, request);
    case "stream":
      response.writeHead(200, { "Content-Type": reply.contentType });
      // The client waits for the headers before it shows anything.
      response.flushHeaders();
      reply.run(response);
  }
}

function sendError(response: ServerResponse, error: ApiError): void {
  if (error.code === "overloaded") response.setHeader("Retry-After", "1");
  sendJson(response, error.status, { message: error.message });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, { "Content-Type": JSON_TYPE, "Content-Length": text.length });
  response.end(text);
}

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
