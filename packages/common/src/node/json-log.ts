/**
 * JSON lines: `{time, level, node, role, term, message, ...fields}`. Never throws: a log line that
 * cannot be made or written must not become the failure of what it reports.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import type { Log, LogLevel } from "../io/log.ts";
import { LOG_LINE_CHARACTERS_MAX, LOG_VALUE_CHARACTERS_MAX } from "../limits.ts";

export interface JsonLogOptions {
  /** Node id or name, as the operator knows the node. */
  readonly node: string;
  readonly role: string;
  /** Lines below it are not written. */
  readonly level: LogLevel;
  /** Takes one whole line with its newline. Default: standard output. */
  readonly write?: (line: string) => void;
}

export interface JsonLog extends Log {
  /** The Raft term that following lines carry. */
  setTerm(term: number): void;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const RESERVED: ReadonlySet<string> = new Set(["time", "level", "node", "role", "term", "message"]);

export function jsonLog(options: JsonLogOptions): JsonLog {
  const { node, role } = options;
  const write = options.write ?? ((line) => process.stdout.write(line));
  const threshold = RANK[options.level];
  let term: number | undefined;
  return {
    setTerm: (value) => {
      term = value;
    },
    write: (level, message, fields) => {
      if (RANK[level] < threshold) return;
      const head = { time: new Date().toISOString(), level, node, role, term };
      try {
        write(toLine({ ...head, message: clip(message) }, fields));
      } catch {
        // Disk full or pipe closed: there is nowhere left to say it.
      }
    },
  };
}

/**
 * Appends lines to a file opened with O_APPEND, so that processes which share it never overwrite
 * each other. Writes are synchronous: the last lines before a crash are there.
 */
export function appendWriter(path: string): { write(line: string): void; close(): void } {
  const fd = openSync(path, "a", 0o600);
  return { write: (line) => writeSync(fd, line), close: () => closeSync(fd) };
}

function toLine(
  head: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, unknown>> | undefined,
): string {
  const safe: Record<string, unknown> = { ...head };
  for (const [key, value] of Object.entries(fields ?? {})) {
    safe[RESERVED.has(key) ? `${key}_` : key] = value;
  }
  const line = stringify(safe);
  if (line !== undefined && line.length <= LOG_LINE_CHARACTERS_MAX) return `${line}\n`;
  const reason = line === undefined ? "not JSON" : `${line.length} characters`;
  return `${JSON.stringify({ ...head, fieldsDropped: reason })}\n`;
}

function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_key, item: unknown) => plain(item));
  } catch {
    return undefined; // A cycle, or a toJSON that throws.
  }
}

function plain(value: unknown): unknown {
  if (typeof value === "string") return clip(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (!(value instanceof Error)) return value;
  return { name: value.name, message: clip(value.message), stack: clip(value.stack ?? "") };
}

function clip(text: string): string {
  if (text.length <= LOG_VALUE_CHARACTERS_MAX) return text;
  return `${text.slice(0, LOG_VALUE_CHARACTERS_MAX)}… (${text.length} characters)`;
}
