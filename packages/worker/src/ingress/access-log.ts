/**
 * One line for each request: NCSA's combined format with the upstream task and the duration behind,
 * or JSON. What a client sent is escaped: it must not forge a line.
 */
import type { Field } from "./http-head.ts";

export interface AccessRecord {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly client: string;
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  readonly host: string;
  readonly fields: readonly Field[];
  readonly status: number;
  readonly bytes: number;
  readonly service: string;
  /** The task that answered; empty: the ingress itself did. */
  readonly task: string;
  readonly durationMs: number;
  /** Further tasks tried. */
  readonly retries: number;
}

export function combinedLine(record: AccessRecord): string {
  const { client, method, target, minor, status, bytes, fields } = record;
  const request = escaped(`${method} ${target} HTTP/1.${minor}`);
  const referer = escaped(fieldOf(fields, "referer"));
  const agent = escaped(fieldOf(fields, "user-agent"));
  const upstream = record.task === "" ? "-" : record.task;
  const duration = record.durationMs.toFixed(1);
  const head = `${client || "-"} - - [${ncsaTime(record.at)}] "${request}" ${status} ${bytes}`;
  return `${head} "${referer}" "${agent}" ${upstream} ${duration}ms\n`;
}

export function jsonLine(record: AccessRecord): string {
  const { at, fields, minor, durationMs, ...rest } = record;
  const line = {
    time: isoTime(at),
    ...rest,
    protocol: `HTTP/1.${minor}`,
    durationMs: Math.round(durationMs * 10) / 10,
    referer: fieldOf(fields, "referer"),
    userAgent: fieldOf(fields, "user-agent"),
  };
  return `${JSON.stringify(line)}\n`;
}

function fieldOf(fields: readonly Field[], lower: string): string {
  for (const field of fields) if (field.lower === lower) return field.value;
  return "-";
}

/** Quotes, backslashes and what is not plain ASCII, as Apache does. */
function escaped(text: string): string {
  if (PLAIN.test(text)) return text;
  return [...text]
    .map((letter) => {
      if (letter === '"' || letter === "\\") return `\\${letter}`;
      const code = letter.charCodeAt(0);
      return code < 32 || code > 126 ? `\\x${code.toString(16).padStart(2, "0")}` : letter;
    })
    .join("");
}
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";
const DAY_SECONDS = 86_400;
let lastSecond = -1;
let lastText = "";

/** "22/Nov/2026:23:30:01 +0000"; a second's text is made once. */
function ncsaTime(at: number): string {
  const second = Math.floor(at / 1000);
  if (second === lastSecond) return lastText;
  const { year, month, day, clock } = civil(second);
  const name = MONTHS.slice(month * 3 - 3, month * 3);
  lastSecond = second;
  lastText = `${pad(day)}/${name}/${year}:${clock} +0000`;
  return lastText;
}

function isoTime(at: number): string {
  const { year, month, day, clock } = civil(Math.floor(at / 1000));
  return `${year}-${pad(month)}-${pad(day)}T${clock}.${String(at % 1000).padStart(3, "0")}Z`;
}

/** Hinnant's civil_from_days: the calendar without the global clock. */
function civil(second: number): {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly clock: string;
} {
  const days = Math.floor(second / DAY_SECONDS) + 719_468;
  const era = Math.floor(days / 146_097);
  const ofEra = days - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) /
      365,
  );
  const ofYear =
    ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * ofYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const rest = second % DAY_SECONDS;
  const clock = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(pad).join(":");
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: ofYear - Math.floor((153 * shifted + 2) / 5) + 1,
    clock,
  };
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
