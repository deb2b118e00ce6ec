/**
 * Heads of HTTP/1 messages (RFC 9112), read strictly: what two parsers could read differently is
 * refused, because a request that ends elsewhere for the backend than for us is another client's
 * request to it ("smuggling").
 *
 * Invariants:
 *   H1. A body has one length: Content-Length once and of digits alone, or Transfer-Encoding once
 *       and `chunked` alone; never both, and the latter never in HTTP/1.0.
 *   H2. Every line ends in CRLF; no other control character but tab, no folded line, no space
 *       before a colon.
 *   H3. A head is bounded in bytes and in fields.
 */
import { HTTP_FIELDS_MAX, HTTP_HEAD_BYTES_MAX, HTTP_TARGET_BYTES_MAX } from "../limits.ts";

export interface Field {
  /** As sent. */
  readonly name: string;
  readonly lower: string;
  readonly value: string;
}

/** Where a message's body ends. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until-close" };

interface Head {
  /** 0 or 1, of HTTP/1.x. */
  readonly minor: number;
  readonly fields: readonly Field[];
  readonly framing: Framing;
  /** Lower-case options of the Connection fields. */
  readonly connection: readonly string[];
}

export interface RequestHead extends Head {
  readonly method: string;
  /** As sent: "/path?query", "*", or a whole URL. */
  readonly target: string;
  readonly host: string;
  readonly upgrade: string | undefined;
  readonly cookies: string;
}

export interface ResponseHead extends Head {
  readonly status: number;
  readonly reason: string;
}

export type HeadResult<T> =
  | { readonly kind: "more" }
  | { readonly kind: "head"; readonly head: T; readonly length: number }
  | { readonly kind: "bad"; readonly status: number; readonly reason: string };

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** H2. */
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]+) HTTP\/1\.([01])$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/;
const END = Buffer.from("\r\n\r\n", "latin1");
const MORE = { kind: "more" } as const;

export function parseRequestHead(bytes: Buffer): HeadResult<RequestHead> {
  const found = readLines(bytes);
  if (found.kind !== "lines") return found;
  const [first = "", ...rest] = found.rows;
  const line = REQUEST_LINE.exec(first);
  if (line === null) return badRequestLine(first);
  const [, method = "", target = "", minor = ""] = line;
  if (target.length > HTTP_TARGET_BYTES_MAX) return bad(414, "the target is too long");
  const fields = parseFields(rest);
  if (!Array.isArray(fields)) return fields;
  const facts = gather(fields, Number(minor));
  if ("status" in facts) return facts;
  const { host: hosts, upgrade, cookies, connection, framing } = facts;
  if (hosts.length > 1) return bad(400, "more than one Host field");
  const [host = ""] = hosts;
  if (minor === "1" && hosts.length === 0) return bad(400, "no Host field");
  if (!HOST.test(host)) return bad(400, "a Host field that names no host");
  const place = placeOf(method, target, host);
  if (place === undefined) return bad(400, "a target that is no path");
  const head = { method, minor: Number(minor), fields, connection, upgrade, cookies };
  return {
    kind: "head",
    length: found.length,
    head: { ...head, ...place, framing: framing ?? { kind: "none" } },
  };
}

/** `method`: what was asked, since an answer to HEAD has no body whatever it says. */
export function parseResponseHead(bytes: Buffer, method: string): HeadResult<ResponseHead> {
  const found = readLines(bytes);
  if (found.kind !== "lines") return found;
  const [first = "", ...rest] = found.rows;
  const line = STATUS_LINE.exec(first);
  if (line === null) return bad(502, "a status line that is none");
  const [, minor = "", code = "", reason = ""] = line;
  const status = Number(code);
  const fields = parseFields(rest);
  if (!Array.isArray(fields)) return fields;
  const facts = gather(fields, Number(minor));
  if ("status" in facts) return facts;
  const bodiless = method === "HEAD" || status < 200 || status === 204 || status === 304;
  const framing: Framing = bodiless ? { kind: "none" } : (facts.framing ?? { kind: "until-close" });
  const { connection } = facts;
  const head = { status, reason, minor: Number(minor), fields, framing, connection };
  return { kind: "head", head, length: found.length };
}

/** Does what a client sent first begin a request? Undefined: too little to tell. */
export function looksLikeHttp(bytes: Buffer): boolean | undefined {
  const text = bytes.toString("latin1", 0, 20);
  const begin = /^[A-Z]{3,16} ([/*h])/.exec(text);
  // The preface of HTTP/2: passed on as it is, the backend may know it.
  if (begin !== null) return !text.startsWith("PRI ");
  return /^[A-Z]{0,16} ?$/.test(text) ? undefined : false;
}

const HOST = /^(\[[0-9A-Fa-f:.]+\]|[\w.~%!$&'()*+,;=-]*)(:\d{0,5})?$/;

/** A whole URL counts more than the Host field; the backend gets the path and the URL's host. */
function placeOf(
  method: string,
  target: string,
  host: string,
): Pick<RequestHead, "target" | "host"> | undefined {
  if (target.startsWith("/")) return { target, host };
  if (target === "*") return method === "OPTIONS" ? { target, host } : undefined;
  const url = /^https?:\/\/([^/?#]+)(\/[^#]*)?$/i.exec(target);
  const [, named = "", path = "/"] = url ?? [];
  return url === null || !HOST.test(named) ? undefined : { target: path, host: named };
}

interface Lines {
  readonly kind: "lines";
  readonly rows: readonly string[];
  readonly length: number;
}

function readLines(bytes: Buffer): Lines | HeadResult<never> {
  const end = bytes.indexOf(END);
  if (end < 0 && bytes.length <= HTTP_HEAD_BYTES_MAX) {
    const early = FORBIDDEN_BEFORE_END.test(bytes.toString("latin1"));
    return early ? bad(400, "a control character in the head") : MORE;
  }
  if (end < 0 || end > HTTP_HEAD_BYTES_MAX) {
    return bad(431, `a head of more than ${HTTP_HEAD_BYTES_MAX} bytes`);
  }
  const text = bytes.toString("latin1", 0, end);
  if (FORBIDDEN.test(text)) return bad(400, "a control character in the head");
  return { kind: "lines", rows: text.split("\r\n"), length: end + END.length };
}

/** As FORBIDDEN, where a CR may be the last thing that came so far. */
// oxlint-disable-next-line no-control-regex
const FORBIDDEN_BEFORE_END = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n|$)|(?<!\r)\n/;

function parseFields(rows: readonly string[]): Field[] | HeadResult<never> {
  if (rows.length > HTTP_FIELDS_MAX) return bad(431, `more than ${HTTP_FIELDS_MAX} fields`);
  const fields: Field[] = [];
  for (const row of rows) {
    const colon = row.indexOf(":");
    const name = row.slice(0, Math.max(colon, 0));
    // A folded line begins with a space, which no name has (H2).
    if (!TOKEN.test(name)) return bad(400, "a field without a name");
    fields.push({ name, lower: name.toLowerCase(), value: row.slice(colon + 1).trim() });
  }
  return fields;
}

interface Facts {
  readonly host: string[];
  upgrade: string | undefined;
  cookies: string;
  connection: readonly string[];
  framing: Framing | undefined;
}

/** What the fields say that matters here. */
function gather(
  fields: readonly Field[],
  minor: number,
): Facts | Extract<HeadResult<never>, { kind: "bad" }> {
  const facts: Facts = {
    host: [],
    upgrade: undefined,
    cookies: "",
    connection: [],
    framing: undefined,
  };
  const [lengths, encodings]: [string[], string[]] = [[], []];
  for (const { lower, value } of fields) {
    if (lower === "host") facts.host.push(value);
    else if (lower === "content-length") lengths.push(value);
    else if (lower === "transfer-encoding") encodings.push(value);
    else if (lower === "upgrade") facts.upgrade = value;
    else if (lower === "cookie")
      facts.cookies = facts.cookies === "" ? value : `${facts.cookies}; ${value}`;
    else if (lower === "connection") facts.connection = [...facts.connection, ...options(value)];
  }
  const framing = framingOf(lengths, encodings, minor);
  if (typeof framing === "string") return bad(400, framing);
  facts.framing = framing;
  return facts;
}

/** H1. */
function framingOf(
  lengths: readonly string[],
  encodings: readonly string[],
  minor: number,
): Framing | string | undefined {
  const [length] = lengths;
  if (encodings.length > 0) {
    if (length !== undefined) return "both Content-Length and Transfer-Encoding";
    if (minor === 0) return "Transfer-Encoding in HTTP/1.0";
    if (encodings.length > 1 || encodings[0]?.toLowerCase() !== "chunked") {
      return "a Transfer-Encoding that is not just chunked";
    }
    return { kind: "chunked" };
  }
  if (length === undefined) return undefined;
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) return "a Content-Length that is no number";
  return Number(length) === 0 ? { kind: "none" } : { kind: "length", bytes: Number(length) };
}

function options(value: string): readonly string[] {
  return value
    .toLowerCase()
    .split(",")
    .map((option) => option.trim());
}

function badRequestLine(line: string): HeadResult<never> {
  if (/ HTTP\/(0|[2-9])/.test(line)) return bad(505, "a version other than HTTP/1.0 and 1.1");
  return bad(400, "a request line that is none");
}

function bad(status: number, reason: string): Extract<HeadResult<never>, { kind: "bad" }> {
  return { kind: "bad", status, reason };
}
