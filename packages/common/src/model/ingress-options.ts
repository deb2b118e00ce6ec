/**
 * How a service is served on its published ports, from its labels. What is wrong is refused where
 * the service is created; a node that reads it all the same takes the default.
 */
import * as v from "valibot";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, flag, shortText } from "../wire/schema.ts";

export const PROTOCOLS = ["auto", "http", "tcp"] as const;
export const POLICIES = [
  "round-robin",
  "least-connections",
  "power-of-two",
  "source-hash",
] as const;
export const ACCESS_LOGS = ["combined", "json", "off"] as const;
export type Policy = (typeof POLICIES)[number];

export const ingressOptionsSchema = v.object({
  /** `auto`: HTTP when the client speaks first and it is HTTP/1. */
  protocol: v.picklist(PROTOCOLS),
  policy: v.picklist(POLICIES),
  /** A task that joins gets its full share only after this long; 0: at once. */
  slowStartMs: count,
  /** Name of the cookie that keeps a client with its task. */
  stickyCookie: v.exactOptional(shortText),
  /** Tell tasks who the client is by a PROXY v2 header. */
  proxyProtocol: flag,
  /** Believe the X-Forwarded headers of clients: another proxy stands in front. */
  trustForwarded: flag,
  accessLog: v.picklist(ACCESS_LOGS),
  /** How long a task may take to begin its answer. */
  answerWithinMs: count,
  /** Of those that share a port, this service answers these requests. */
  host: v.exactOptional(shortText),
  path: v.exactOptional(shortText),
});
export type IngressOptions = Decoded<typeof ingressOptionsSchema>;

export const DEFAULT_INGRESS: IngressOptions = {
  protocol: "auto",
  policy: "round-robin",
  slowStartMs: 0,
  proxyProtocol: false,
  trustForwarded: false,
  accessLog: "combined",
  answerWithinMs: 60_000,
};

const PREFIX = "skein.";
type Draft = { -readonly [K in keyof IngressOptions]: IngressOptions[K] };
type Read = (draft: Draft, value: string) => string | undefined;

/** What each label takes; the answer says what it should have been. */
const LABELS: Readonly<Record<string, Read>> = {
  "skein.protocol": (draft, value) => pick(PROTOCOLS, value, (found) => (draft.protocol = found)),
  "skein.lb.policy": (draft, value) => pick(POLICIES, value, (found) => (draft.policy = found)),
  "skein.lb.slow-start": (draft, value) => {
    return duration(value, (found) => (draft.slowStartMs = found));
  },
  "skein.lb.proxy-protocol": (draft, value) => {
    if (value !== "v2") return '"v2"';
    draft.proxyProtocol = true;
    return undefined;
  },
  "skein.http.sticky": (draft, value) => {
    if (!/^[\w-]{1,64}$/.test(value)) return "the name of a cookie";
    draft.stickyCookie = value;
    return undefined;
  },
  "skein.http.trust-forwarded": (draft, value) => {
    if (value !== "true" && value !== "false") return '"true" or "false"';
    draft.trustForwarded = value === "true";
    return undefined;
  },
  "skein.http.answer-within": (draft, value) => {
    return duration(value, (found) => (draft.answerWithinMs = found));
  },
  "skein.http.access-log": (draft, value) => {
    return pick(ACCESS_LOGS, value, (found) => (draft.accessLog = found));
  },
  "skein.http.host": (draft, value) => {
    if (!/^(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(value)) {
      return 'a host name, or "*." and a domain';
    }
    draft.host = value.toLowerCase();
    return undefined;
  },
  "skein.http.path": (draft, value) => {
    if (!/^\/[\x21-\x7e]{0,255}$/.test(value)) return 'a path that begins with "/"';
    draft.path = value;
    return undefined;
  },
};

/** The options, or what is wrong: `label skein.protocol is "ftp", not one of auto, http, tcp`. */
export function ingressOptions(
  labels: Readonly<Record<string, string>>,
): Result<IngressOptions, string> {
  const draft: Draft = { ...DEFAULT_INGRESS };
  for (const [label, value] of Object.entries(labels)) {
    if (!isIngressLabel(label)) continue;
    const read = Object.hasOwn(LABELS, label) ? LABELS[label] : undefined;
    const wanted = read === undefined ? "a label that Skein knows" : read(draft, value);
    if (wanted !== undefined) {
      return fail(`label ${label} is ${JSON.stringify(value)}, not ${wanted}`);
    }
  }
  const http = draft.host !== undefined || draft.path !== undefined;
  if (http && draft.protocol === "tcp") {
    return fail("label skein.protocol is tcp, but skein.http.host and skein.http.path need http");
  }
  if (http) draft.protocol = "http";
  return ok(draft);
}

/** Labels of other parts of Skein, and of users, are none of ours. */
function isIngressLabel(label: string): boolean {
  if (!label.startsWith(PREFIX)) return false;
  return /^skein\.(protocol$|lb\.|http\.)/.test(label);
}

function pick<T extends string>(
  known: readonly T[],
  value: string,
  take: (found: T) => void,
): string | undefined {
  const found = known.find((one) => one === value);
  if (found === undefined) return `one of ${known.join(", ")}`;
  take(found);
  return undefined;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

function duration(value: string, take: (found: number) => void): string | undefined {
  const [, number, unit] = /^(\d{1,6})(ms|s|m)$/.exec(value) ?? [];
  if (number === undefined || unit === undefined) return 'a duration such as "10s"';
  take(Number(number) * (UNITS[unit] ?? 1));
  return undefined;
}
