/** HTTP over the API's unix socket: what every command uses. */
import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { REQUEST_MS, RESPONSE_BYTES_MAX } from "../limits.ts";

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
  readonly timeoutMs?: number;
}

export class ApiClient {
  readonly #socketPath: string;

  /** `host` is "unix:///path" or a path. */
  constructor(host: string) {
    this.#socketPath = host.replace(/^unix:\/\//, "");
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

  /** The open answer, whatever its status: for logs and other streams. */
  stream(request: ApiRequest): Promise<Result<IncomingMessage, ApiError>> {
    const query = new URLSearchParams(request.query ?? {}).toString();
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    return new Promise((resolve) => {
      const call = httpRequest({
        socketPath: this.#socketPath,
        method: request.method,
        path: query === "" ? request.path : `${request.path}?${query}`,
        headers: body === undefined ? {} : { "content-type": "application/json" },
        timeout: request.timeoutMs ?? REQUEST_MS,
      });
      call.on("response", (response) => resolve(ok(response)));
      call.on("timeout", () => call.destroy(new Error("no answer in time")));
      call.on("error", (error) => resolve(fail({ status: 0, message: error.message })));
      call.end(body);
    });
  }
}

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

function messageOf(body: string, status: number): string {
  const value = parse(body);
  if (typeof value === "object" && value !== null && "message" in value) {
    return String(value.message);
  }
  return typeof value === "string" && value !== "" ? value.trim() : `status ${status}`;
}
