/** Answers of the ingress itself: short, plain, and saying why. */

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  408: "Request Timeout",
  414: "URI Too Long",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** The connection ends with it: what follows on it might be part of what was refused. */
export function ownAnswer(
  status: number,
  why: string,
  { close, method }: { readonly close: boolean; readonly method: string },
): string {
  const reason = REASONS[status] ?? "Error";
  const body = `${status} ${reason}: ${why}\n`;
  const retry = status === 503 ? "Retry-After: 1\r\n" : "";
  const ending = close ? "Connection: close\r\n" : "";
  const fields = `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n`;
  const head = `HTTP/1.1 ${status} ${reason}\r\n${fields}${retry}${ending}\r\n`;
  return method === "HEAD" ? head : head + body;
}
