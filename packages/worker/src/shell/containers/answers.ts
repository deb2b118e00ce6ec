/** How this node's sockets answer: Docker's headers, Docker's form of an error. */
import type { ServerResponse } from "node:http";
import type { ApiError } from "@skein/common/api/api-error";
import { COMMON_HEADERS, JSON_TYPE } from "@skein/common/api/api-version";

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  sendText(response, status, { type: JSON_TYPE, text: `${JSON.stringify(body)}\n` });
}

export function sendText(
  response: ServerResponse,
  status: number,
  body: { readonly type: string; readonly text: string },
): void {
  const bytes = Buffer.from(body.text);
  response.writeHead(status, {
    ...COMMON_HEADERS,
    "Content-Type": body.type,
    "Content-Length": bytes.length,
  });
  // An answer to HEAD has the headers of the one to GET, and no body.
  if (response.req.method === "HEAD") response.end();
  else response.end(bytes);
}

export function sendEmpty(response: ServerResponse, status: number): void {
  const length = status === 204 || status === 304 ? {} : { "Content-Length": 0 };
  response.writeHead(status, { ...COMMON_HEADERS, ...length }).end();
}

export function sendRefusal(response: ServerResponse, error: ApiError): void {
  sendJson(response, error.status, { message: error.message });
}

/** Headers at once, so that the client knows it is served; the body is the caller's. */
export function beginStream(response: ServerResponse, type: string): void {
  response.writeHead(200, { ...COMMON_HEADERS, "Content-Type": type });
  response.flushHeaders();
}
