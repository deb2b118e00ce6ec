/**
 * Frames of `/stream`: client connections carried between two nodes, many on one link. One byte of
 * kind, four of the stream's number, then the body. The node that dialled the link opens streams,
 * with numbers that only grow; the other answers `accepted` or `refused`, and then both send
 * `data`, `end`, `window`.
 */
import type { TaskId } from "@skein/common/ids";
import { taskId } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";

/**
 * Why a node does not carry a stream. Told before any byte of the client, so the next task can be
 * tried.
 */
export const STREAM_REFUSALS = ["unknown-task", "draining", "unreachable", "busy"] as const;
export type StreamRefusal = (typeof STREAM_REFUSALS)[number];

export type StreamFrame =
  | { readonly kind: "open"; readonly taskId: TaskId; readonly port: number }
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly code: StreamRefusal; readonly reason: string }
  | { readonly kind: "data"; readonly payload: Uint8Array }
  /** The sender's client or task closed its half. */
  | { readonly kind: "end" }
  /** The sender's connection broke: break the other one too. */
  | { readonly kind: "reset" }
  /** So many more bytes of this stream may be sent. */
  | { readonly kind: "window"; readonly bytes: number }
  /** So many bytes of the whole link have arrived (stream 0). */
  | { readonly kind: "got"; readonly bytes: number }
  /** Asks the other end's data plane for a sign of life, and gives it (stream 0). */
  | { readonly kind: "ping" }
  | { readonly kind: "pong" };

export interface NumberedFrame {
  readonly stream: number;
  readonly frame: StreamFrame;
}

const KINDS = {
  accepted: 1,
  refused: 2,
  data: 3,
  end: 4,
  reset: 5,
  window: 6,
  open: 7,
  got: 8,
  ping: 9,
  pong: 10,
} as const;
const HEAD_BYTES = 5;
const TEXT_BYTES_MAX = 1024;
const TASK = /^[\w.:-]{1,64}$/;

export function encodeFrame(stream: number, frame: StreamFrame): Uint8Array {
  const body = bodyOf(frame);
  const bytes = new Uint8Array(HEAD_BYTES + body.length);
  bytes[0] = KINDS[frame.kind];
  bytes[1] = stream >>> 24;
  bytes[2] = stream >>> 16;
  bytes[3] = stream >>> 8;
  bytes[4] = stream;
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

/** Total. The payload is a view of `bytes`, not a copy. */
export function decodeFrame(bytes: Uint8Array): Result<NumberedFrame, string> {
  if (bytes.length < HEAD_BYTES) return fail(`stream frame of ${bytes.length} bytes`);
  const stream = readU32(bytes, 1);
  const frame = decodeBody(bytes[0], bytes.subarray(HEAD_BYTES));
  return frame.ok ? ok({ stream, frame: frame.value }) : frame;
}

const NOTHING = new Uint8Array();

function bodyOf(frame: StreamFrame): Uint8Array {
  switch (frame.kind) {
    case "data":
      return frame.payload;
    case "refused":
      return encodeText(`${frame.code} ${frame.reason}`);
    case "open":
      return encodeText(`${frame.port} ${frame.taskId}`);
    case "window":
    case "got":
      return u32(frame.bytes);
    default:
      return NOTHING;
  }
}

function decodeBody(kind: number | undefined, body: Uint8Array): Result<StreamFrame, string> {
  switch (kind) {
    case KINDS.accepted:
      return empty(body, { kind: "accepted" });
    case KINDS.refused:
      return decodeRefused(body);
    case KINDS.data:
      return ok({ kind: "data", payload: body });
    case KINDS.end:
      return empty(body, { kind: "end" });
    case KINDS.reset:
      return empty(body, { kind: "reset" });
    case KINDS.window:
      return decodeBytes("window", body);
    case KINDS.ping:
      return empty(body, { kind: "ping" });
    case KINDS.pong:
      return empty(body, { kind: "pong" });
    case KINDS.open:
      return decodeOpen(body);
    case KINDS.got:
      return decodeBytes("got", body);
    default:
      return fail(`unknown stream frame ${String(kind)}`);
  }
}

function decodeBytes(kind: "window" | "got", body: Uint8Array): Result<StreamFrame, string> {
  if (body.length !== 4) return fail(`${kind} frame of ${body.length} bytes`);
  return ok({ kind, bytes: readU32(body, 0) });
}

function decodeOpen(body: Uint8Array): Result<StreamFrame, string> {
  const text = decodeText(body);
  const [, port, task] = /^([1-9]\d{0,4}) (.+)$/.exec(text ?? "") ?? [];
  if (port === undefined || task === undefined || !TASK.test(task)) return fail("malformed open");
  return ok({ kind: "open", taskId: taskId(task), port: Number(port) });
}

function decodeRefused(body: Uint8Array): Result<StreamFrame, string> {
  const text = decodeText(body);
  if (text === undefined) return fail(`refusal of ${body.length} bytes`);
  const code = STREAM_REFUSALS.find((known) => text.startsWith(`${known} `));
  // A newer node may know more reasons; what matters is that it did not take the stream.
  if (code === undefined) return ok({ kind: "refused", code: "unreachable", reason: text });
  return ok({ kind: "refused", code, reason: text.slice(code.length + 1) });
}

function empty(body: Uint8Array, frame: StreamFrame): Result<StreamFrame, string> {
  return body.length === 0 ? ok(frame) : fail(`${frame.kind} frame of ${body.length} bytes`);
}

function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text).subarray(0, TEXT_BYTES_MAX);
}

function decodeText(body: Uint8Array): string | undefined {
  return body.length > TEXT_BYTES_MAX ? undefined : new TextDecoder().decode(body);
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function readU32(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i += 1) value = value * 256 + (bytes[i] ?? 0);
  return value;
}
