/**
 * Frames of `/stream`: one connection of a client, carried between two nodes by one link. One byte of kind,
 * then the body. The server speaks first: `accepted` or `refused`; then both send `data`, `end`, `window`.
 */
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";

/** Why a node does not carry a stream. Told before any byte of the client, so the next task can be tried. */
export const STREAM_REFUSALS = ["unknown-task", "draining", "unreachable", "busy"] as const;
export type StreamRefusal = (typeof STREAM_REFUSALS)[number];

export type StreamFrame =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly code: StreamRefusal; readonly reason: string }
  | { readonly kind: "data"; readonly payload: Uint8Array }
  /** The sender's client or task closed its half. */
  | { readonly kind: "end" }
  /** The sender's connection broke: break the other one too. */
  | { readonly kind: "reset" }
  /** So many more bytes may be sent. */
  | { readonly kind: "window"; readonly bytes: number };

const KINDS = { accepted: 1, refused: 2, data: 3, end: 4, reset: 5, window: 6 } as const;
const TEXT_BYTES_MAX = 1024;

export function encodeFrame(frame: StreamFrame): Uint8Array {
  switch (frame.kind) {
    case "data":
      return prefixed(KINDS.data, frame.payload);
    case "refused":
      return prefixed(KINDS.refused, encodeText(`${frame.code} ${frame.reason}`));
    case "window":
      return windowFrame(frame.bytes);
    default:
      return Uint8Array.of(KINDS[frame.kind]);
  }
}

/** Total. The payload is a view of `bytes`, not a copy. */
export function decodeFrame(bytes: Uint8Array): Result<StreamFrame, string> {
  const body = bytes.subarray(1);
  switch (bytes[0]) {
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
      return decodeWindow(body);
    default:
      return fail(`unknown stream frame ${bytes[0] ?? "of no bytes"}`);
  }
}

function prefixed(kind: number, body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(body.length + 1);
  frame[0] = kind;
  frame.set(body, 1);
  return frame;
}

function windowFrame(bytes: number): Uint8Array {
  const frame = new Uint8Array(5);
  frame[0] = KINDS.window;
  new DataView(frame.buffer).setUint32(1, bytes);
  return frame;
}

function decodeWindow(body: Uint8Array): Result<StreamFrame, string> {
  if (body.length !== 4) return fail(`window frame of ${body.length} bytes`);
  const bytes = new DataView(body.buffer, body.byteOffset, 4).getUint32(0);
  return ok({ kind: "window", bytes });
}

function decodeRefused(body: Uint8Array): Result<StreamFrame, string> {
  if (body.length > TEXT_BYTES_MAX) return fail(`refusal of ${body.length} bytes`);
  const text = new TextDecoder().decode(body);
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
