/**
 * Lines of tasks as Docker's clients read them: an 8-byte header (stream, length) and one whole
 * line. With `details` each line starts with the three ids by which the CLI names its task; it
 * fails on a line without them.
 */
import { ok } from "../result.ts";
import type { LogMessage } from "../wire/log-messages.ts";
import type { Checked } from "./api-error.ts";
import { badRequest, unclassified } from "./api-error.ts";
import { isSet } from "./query.ts";
import { formatNanos, parseUnixSeconds } from "./time.ts";

export interface LogQuery {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly details: boolean;
  readonly timestamps: boolean;
  readonly tail: number | undefined;
  /** Wall milliseconds. */
  readonly since: number | undefined;
  readonly until: number | undefined;
}

export function parseLogQuery(query: URLSearchParams): Checked<LogQuery> {
  const flag = (name: string): boolean => isSet(query.get(name) ?? undefined);
  if (!flag("stdout") && !flag("stderr")) {
    return unclassified("Bad parameters: you must choose at least one stream");
  }
  const tail = query.get("tail") ?? "";
  if (tail !== "" && tail !== "all" && !/^\d{1,9}$/.test(tail)) {
    return unclassified('tail value must be a positive integer or "all"');
  }
  const since = parseTime("since", query.get("since"));
  if (!since.ok) return since;
  const until = parseTime("until", query.get("until"));
  if (!until.ok) return until;
  return ok({
    follow: flag("follow"),
    stdout: flag("stdout"),
    stderr: flag("stderr"),
    details: flag("details"),
    timestamps: flag("timestamps"),
    tail: /^\d+$/.test(tail) ? Number(tail) : undefined,
    since: since.value,
    until: until.value,
  });
}

/** A point in time of a query; absent, "" and "0" mean none. */
export function parseTime(name: string, text: string | null): Checked<number | undefined> {
  if (text === null || text === "" || text === "0") return ok(undefined);
  const time = parseUnixSeconds(text);
  if (time !== undefined) return ok(time);
  return badRequest(
    `invalid value for ${JSON.stringify(name)}: ` +
      `failed to parse value as time or duration: ${JSON.stringify(text)}`,
  );
}

export interface LogOrigin {
  readonly nodeId: string;
  readonly serviceId: string;
  readonly taskId: string;
}

export type LogLine = Extract<LogMessage, { readonly kind: "line" }>;

export function logFrame(line: LogLine, origin: LogOrigin, query: LogQuery): Uint8Array {
  const time = query.timestamps ? `${formatNanos(line.atNs)} ` : "";
  const prefix = Buffer.from(`${time}${query.details ? `${details(origin)} ` : ""}`);
  const ends = line.line.at(-1) === NEWLINE;
  const length = prefix.length + line.line.length + (ends ? 0 : 1);
  const frame = Buffer.alloc(HEADER_BYTES + length);
  frame.writeUInt8(line.stream === "stdout" ? 1 : 2, 0);
  frame.writeUInt32BE(length, 4);
  frame.set(prefix, HEADER_BYTES);
  frame.set(line.line, HEADER_BYTES + prefix.length);
  if (!ends) frame.writeUInt8(NEWLINE, frame.length - 1);
  return frame;
}

/** Bytes as they are, which need not be lines: what a program writes while somebody watches. */
export function frameOf(stream: keyof typeof STREAM_NUMBERS, bytes: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(HEADER_BYTES + bytes.length);
  frame.writeUInt8(STREAM_NUMBERS[stream], 0);
  frame.writeUInt32BE(bytes.length, 4);
  frame.set(bytes, HEADER_BYTES);
  return frame;
}

/** A client ends at the first `system-error`, and shows its text. */
const STREAM_NUMBERS = { stdout: 1, stderr: 2, "system-error": 3 } as const;

const HEADER_BYTES = 8;
const NEWLINE = 10;

/** Keys in order; ids need no escaping, but a foreign one must not break the line apart. */
function details({ nodeId, serviceId, taskId }: LogOrigin): string {
  const pairs = [
    ["com.docker.swarm.node.id", nodeId],
    ["com.docker.swarm.service.id", serviceId],
    ["com.docker.swarm.task.id", taskId],
  ] as const;
  return pairs.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join(",");
}
