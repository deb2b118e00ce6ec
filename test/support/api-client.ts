/** A bare HTTP client for an API socket: what a test sends is what goes over the wire. */
import type { IncomingHttpHeaders } from "node:http";
import http from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** Parsed when it is JSON, else the text. */
  readonly body: unknown;
  /** Of an error. */
  readonly message: unknown;
}

export interface Ask {
  readonly body?: unknown;
  readonly text?: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** An answer that takes longer is an error; without it, it is waited for. */
  readonly timeoutMs?: number;
}

/** `what`: "GET /services". */
export function ask(socketPath: string, what: string, options: Ask = {}): Promise<Answer> {
  const [method = "GET", path = "/"] = what.split(" ");
  const query = new URLSearchParams(
    Object.entries(options.query ?? {}).map(([key, value]): [string, string] => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
  const text =
    options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const headers = {
    ...(text === undefined ? {} : { "Content-Type": "application/json" }),
    ...options.headers,
  };
  const search = query.size === 0 ? "" : `?${query}`;
  return new Promise((resolve, reject) => {
    const request = http.request(
      { socketPath, method, path: `${path}${search}`, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const bytes = Buffer.concat(chunks);
          const body = parse(bytes, response.headers["content-type"]);
          const status = response.statusCode ?? 0;
          resolve({ status, headers: response.headers, bytes, body, message: messageOf(body) });
        });
      },
    );
    request.on("error", reject);
    const { timeoutMs } = options;
    if (timeoutMs !== undefined) {
      const late = new Error(`${what}: no answer in ${timeoutMs} ms`);
      request.setTimeout(timeoutMs, () => request.destroy(late));
    }
    request.end(text);
  });
}

function parse(bytes: Buffer, type: string | undefined): unknown {
  if (type !== "application/json" || bytes.length === 0) return bytes.toString();
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return bytes.toString();
  }
}

function messageOf(body: unknown): unknown {
  return typeof body === "object" && body !== null && "message" in body ? body.message : undefined;
}
