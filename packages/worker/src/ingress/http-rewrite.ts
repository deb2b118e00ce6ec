/** The heads that are passed on: without what concerns one connection only, with who asks. */
import type { Field, RequestHead, ResponseHead } from "./http-head.ts";

/** Of one connection, whatever it says (RFC 9110, 7.6.1). */
const HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "upgrade",
]);
/** Set by proxies: who is none must not set them. */
const FORWARDED: ReadonlySet<string> = new Set([
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "forwarded",
]);

export interface Forwarding {
  readonly client: string;
  readonly proto: "http" | "https";
  /** Keep what the client says of those before it. */
  readonly trusted: boolean;
}

export function requestToBackend(head: RequestHead, forwarding: Forwarding): string {
  const { method, target, minor, host, fields } = head;
  const dropped = droppedBy(head.connection);
  let text = `${method} ${target} HTTP/1.${minor}\r\nHost: ${host}\r\n`;
  for (const { name, lower, value } of fields) {
    if (lower === "host" || HOP.has(lower) || dropped.has(lower)) continue;
    if (FORWARDED.has(lower) && (lower === "x-forwarded-for" || !forwarding.trusted)) continue;
    text += `${name}: ${value}\r\n`;
  }
  text += forwarded(fields, host, forwarding);
  if (wantsUpgrade(head)) text += `Connection: Upgrade\r\nUpgrade: ${head.upgrade ?? ""}\r\n`;
  else if (minor === 0) text += "Connection: close\r\n";
  return `${text}\r\n`;
}

export interface Answering {
  /** The client's connection ends with this answer. */
  readonly close: boolean;
  /** A Set-Cookie value that keeps the client with its task. */
  readonly cookie: string | undefined;
}

export function answerToClient(head: ResponseHead, { close, cookie }: Answering): string {
  const dropped = droppedBy(head.connection);
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  for (const { name, lower, value } of head.fields) {
    const kept = !HOP.has(lower) || (lower === "upgrade" && head.status === 101);
    if (kept && !dropped.has(lower)) text += `${name}: ${value}\r\n`;
  }
  if (cookie !== undefined) text += `Set-Cookie: ${cookie}\r\n`;
  if (head.status === 101) text += "Connection: Upgrade\r\n";
  else if (close && head.status >= 200) text += "Connection: close\r\n";
  return `${text}\r\n`;
}

/** The protocol is changed only where both fields say so. */
export function wantsUpgrade({ connection, upgrade, minor }: RequestHead): boolean {
  return minor === 1 && upgrade !== undefined && connection.includes("upgrade");
}

/** A client of HTTP/1.0 gets its connection closed: it would have to be told otherwise. */
export function keepsConnection(head: RequestHead): boolean {
  return head.minor === 1 && !head.connection.includes("close");
}

/** May be sent again when nobody knows whether it was carried out (RFC 9110, 9.2.2). */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}
const IDEMPOTENT: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

/** The value of a cookie in a Cookie field; undefined when it is not there. */
export function cookieValue(cookies: string, name: string): string | undefined {
  for (const pair of cookies.split(";")) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

const NOTHING: ReadonlySet<string> = new Set();
/** Fields that everyone needs and no Connection field may drop. */
const NEVER_DROPPED: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "close",
  "keep-alive",
]);

/** Fields that a Connection field names are of that connection. */
function droppedBy(connection: readonly string[]): ReadonlySet<string> {
  if (connection.length === 0) return NOTHING;
  const named = connection.filter((option) => !NEVER_DROPPED.has(option));
  return named.length === 0 ? NOTHING : new Set(named);
}

function forwarded(fields: readonly Field[], host: string, forwarding: Forwarding): string {
  const { client, proto, trusted } = forwarding;
  const has = (name: string): boolean => trusted && fields.some((field) => field.lower === name);
  const before = trusted ? fields.filter((field) => field.lower === "x-forwarded-for") : [];
  const chain = [...before.map((field) => field.value), client].join(", ");
  let text = `X-Forwarded-For: ${chain}\r\n`;
  if (!has("x-forwarded-proto")) text += `X-Forwarded-Proto: ${proto}\r\n`;
  if (!has("x-forwarded-host")) text += `X-Forwarded-Host: ${host}\r\n`;
  return text;
}
