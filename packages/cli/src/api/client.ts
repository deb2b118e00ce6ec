/** HTTP over the API's unix socket: what every command uses. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import {
  REQUEST_MS,
  REQUEST_RETRY_MS,
  REQUEST_RETRY_PAUSE_MS,
  RESPONSE_BYTES_MAX,
} from "../limits.ts";

export interface ApiError {
  /** 0: the API could not be reached. */
  readonly status: number;
  readonly message: string;
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** 0: for ever. */
  readonly timeoutMs?: number;
  /** True: what finds nobody is not tried again. */
  readonly once?: boolean;
}

/** A request that did not get an answer. */
interface Failure extends ApiError {
  /** Nothing was sent: anybody may be asked instead. */
  readonly refused: boolean;
  /** The connection broke: whether the request was carried out is not known. */
  readonly broken: boolean;
}

export class ApiClient {
  readonly #sockets: readonly string[];

  /** Paths of sockets that serve the same cluster, the usual one first. */
  constructor(sockets: readonly string[]) {
    this.#sockets = sockets;
  }

  /** The JSON of the answer; undefined for an empty one. */
  async call(request: ApiRequest): Promise<Result<unknown, ApiError>> {
    const response = await this.stream(request);
    if (!response.ok) return response;
    const body = await readAll(response.value);
    if (!body.ok) return body;
    const status = response.value.statusCode ?? 0;
    if (status >= 400) return fail({ status, message: messageOf(body.value, status) });
    return ok(parse(body.value));
  }

  /**
   * The open answer, whatever its status: for logs and other streams. A manager that dies with the
   * request is no error: the same key makes sure that a repetition is not a second change.
   */
  async stream(request: ApiRequest): Promise<Result<IncomingMessage, ApiError>> {
    const key = randomUUID();
    const deadline = Date.now() + Math.min(request.timeoutMs || REQUEST_MS, REQUEST_RETRY_MS);
    for (;;) {
      const answer = await this.#askAll(request, key);
      if (answer.ok) return answer;
      const again = answer.error.refused || answer.error.broken;
      if (!again || request.once === true || Date.now() > deadline) return answer;
      await new Promise((resolve) => setTimeout(resolve, REQUEST_RETRY_PAUSE_MS));
    }
  }

  async #askAll(request: ApiRequest, key: string): Promise<Result<IncomingMessage, Failure>> {
    let first: Result<IncomingMessage, Failure> | undefined;
    for (const socketPath of this.#sockets) {
      const answer = await ask(socketPath, request, key);
      if (answer.ok || !answer.error.refused) return answer;
      first ??= answer;
    }
    return first ?? fail({ status: 0, message: "no socket", refused: false, broken: false });
  }
}

function ask(
  socketPath: string,
  request: ApiRequest,
  key: string,
): Promise<Result<IncomingMessage, Failure>> {
  const query = new URLSearchParams(request.query ?? {}).toString();
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  return new Promise((resolve) => {
    const call = httpRequest({
      socketPath,
      method: request.method,
      path: query === "" ? request.path : `${request.path}?${query}`,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(request.method === "GET" ? {} : { "idempotency-key": key }),
      },
      agent: false,
      timeout: request.timeoutMs ?? REQUEST_MS,
    });
    call.on("response", (response) => resolve(ok(response)));
    call.on("timeout", () => call.destroy(new Error("no answer in time")));
    call.on("error", (error) => resolve(fail(failureOf(error))));
    call.end(body);
  });
}

function failureOf(error: Error): Failure {
  const code = String(Reflect.get(error, "code"));
  return {
    status: 0,
    message: REASONS[code] ?? error.message,
    refused: code === "ECONNREFUSED" || code === "ENOENT",
    broken: code === "ECONNRESET" || code === "EPIPE",
  };
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens on its socket",
  ENOENT: "its socket is not there",
  EACCES: "its socket belongs to another user",
  ECONNRESET: "the connection broke",
};

function readAll(response: IncomingMessage): Promise<Result<string, ApiError>> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > RESPONSE_BYTES_MAX) response.destroy(new Error("the answer is too long"));
    });
    response.on("error", (error) => resolve(fail({ status: 0, message: error.message })));
    response.on("end", () => resolve(ok(Buffer.concat(chunks).toString("utf8"))));
  });
}

function parse(body: string): unknown {
  if (body === "") return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** Without the words that Docker's managers put before a reason. */
export function plainReason(message: string): string {
  const reason = message.replace(/^rpc error: code = \w+ desc = /, "");
  if (!reason.includes("does not have a leader")) return reason;
  return "there is no leader, too few managers answer";
}

/** The message of an error's body: Docker's form, or plain text. */
export function messageOf(body: string, status: number): string {
  const value = parse(body);
  if (typeof value === "object" && value !== null && "message" in value) {
    return String(value.message);
  }
  return typeof value === "string" && value !== "" ? value.trim() : `status ${status}`;
}
