/** HTTP over the API's unix socket: what every command uses. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import {
  HEDGE_MS,
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

/** Part of Docker's words for it. */
const NO_LEADER = "does not have a leader";

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
    const key = randomUUID();
    const answer = await read(await this.stream(request, key));
    if (!knowsNoLeader(answer) || this.#sockets.length === 1) return answer;
    // A manager that is cut off from the others says so; those others may well have a leader.
    const others = this.#sockets.map((socket) => new ApiClient([socket]));
    const answers = await Promise.all(
      others.map(async (other) => read(await other.stream({ ...request, once: true }, key))),
    );
    return answers.find((one) => one.ok) ?? answers.find((one) => isRefusal(one)) ?? answer;
  }

  /**
   * The open answer, whatever its status: for logs and other streams. A manager that dies with the
   * request is no error: the same key makes sure that a repetition is not a second change.
   */
  async stream(
    request: ApiRequest,
    key: string = randomUUID(),
  ): Promise<Result<IncomingMessage, ApiError>> {
    const deadline = Date.now() + Math.min(request.timeoutMs || REQUEST_MS, REQUEST_RETRY_MS);
    for (;;) {
      const answer = await this.#askAll(request, key);
      if (answer.ok) return answer;
      const again = answer.error.refused || answer.error.broken;
      if (!again || request.once === true || Date.now() > deadline) return answer;
      await new Promise((resolve) => setTimeout(resolve, REQUEST_RETRY_PAUSE_MS));
    }
  }

  /**
   * Asks the next manager as well when one does not answer soon: it may be stopped rather than
   * dead, and then only its silence says so. The first answer counts; the key keeps a change from
   * being made twice.
   */
  #askAll(request: ApiRequest, key: string): Promise<Result<IncomingMessage, Failure>> {
    const attempts: Attempt[] = [];
    let failed = 0;
    let first: Failure | undefined;
    return new Promise((resolve) => {
      let patience: NodeJS.Timeout | undefined;
      const settle = (answer: Result<IncomingMessage, Failure>, winner?: Attempt): void => {
        clearTimeout(patience);
        for (const attempt of attempts) if (attempt !== winner) attempt.cancel();
        resolve(answer);
      };
      const askNext = (): void => {
        clearTimeout(patience);
        const socketPath = this.#sockets[attempts.length];
        if (socketPath === undefined) return;
        const attempt = ask(socketPath, request, key);
        attempts.push(attempt);
        patience = setTimeout(askNext, HEDGE_MS);
        void attempt.answer.then((answer) => {
          if (answer.ok) return settle(answer, attempt);
          failed += 1;
          first ??= answer.error;
          if (attempts.length < this.#sockets.length) askNext();
          else if (failed === attempts.length) settle(fail(first));
        });
      };
      askNext();
    });
  }
}

async function read(
  response: Result<IncomingMessage, ApiError>,
): Promise<Result<unknown, ApiError>> {
  if (!response.ok) return response;
  const body = await readAll(response.value);
  if (!body.ok) return body;
  const status = response.value.statusCode ?? 0;
  if (status >= 400) return fail({ status, message: messageOf(body.value, status) });
  return ok(parse(body.value));
}

function knowsNoLeader(answer: Result<unknown, ApiError>): boolean {
  return !answer.ok && answer.error.message.includes(NO_LEADER);
}

/** Somebody's word on the request itself: there is a leader. */
function isRefusal(answer: Result<unknown, ApiError>): boolean {
  return !answer.ok && answer.error.status !== 0 && !knowsNoLeader(answer);
}

interface Attempt {
  readonly answer: Promise<Result<IncomingMessage, Failure>>;
  cancel(): void;
}

function ask(socketPath: string, request: ApiRequest, key: string): Attempt {
  const query = new URLSearchParams(request.query ?? {}).toString();
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
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
  const answer = new Promise<Result<IncomingMessage, Failure>>((resolve) => {
    call.on("response", (response) => resolve(ok(response)));
    call.on("timeout", () => call.destroy(new Error("no answer in time")));
    call.on("error", (error) => resolve(fail(failureOf(error))));
  });
  call.end(body);
  return { answer, cancel: () => void call.destroy() };
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
  if (!reason.includes(NO_LEADER)) return reason;
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
