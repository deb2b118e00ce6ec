/**
 * Flow control and life of one stream at one of its two nodes: the bytes of a socket on one side,
 * frames of a shared link on the other. A link has no back-pressure of its own towards its sender,
 * so credit bounds what is under way: a sender may have STREAM_WINDOW_BYTES unconfirmed, and the
 * receiver confirms what its socket has taken.
 *
 * Invariants:
 *   S1. No more than the window plus what one read gave is ever unconfirmed, each frame counted
 *       with what it costs to keep; a peer that sends more is reset.
 *   S2. `finish` comes when both halves ended, `break` when anything failed; exactly one of them,
 *       once, and nothing after it.
 *   S3. Order is kept: an end comes after all bytes of its half.
 */
import { assert } from "@skein/common/assert";
import { STREAM_CHUNK_BYTES_MAX, STREAM_FRAME_COST_BYTES, STREAM_WINDOW_BYTES } from "../limits.ts";
import type { StreamFrame } from "./stream-frame.ts";

export type FlowEffect =
  | { readonly kind: "send"; readonly frame: StreamFrame }
  /** Write to the socket; `flushed` is to be called when it took them. */
  | { readonly kind: "write"; readonly payload: Uint8Array }
  | { readonly kind: "end-socket" }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  /** Both halves are done: forget the stream, let the socket flush. */
  | { readonly kind: "finish" }
  /** Reset the socket and forget the stream. */
  | { readonly kind: "break"; readonly reason: string };

/** Confirm in quarters of a window: few frames, and the sender never waits for the last byte. */
const CONFIRM_BYTES = STREAM_WINDOW_BYTES / 4;
const NOTHING: readonly FlowEffect[] = [];

export class StreamFlow {
  /** What we may still send; below zero by less than one read when the last one was larger. */
  #credit = STREAM_WINDOW_BYTES;
  #paused = false;
  /** Received and not confirmed, and of those the ones the socket has taken. */
  #unconfirmed = 0;
  #flushed = 0;
  #sentEnd = false;
  #gotEnd = false;
  #over = false;

  /** The socket gave bytes. */
  read(payload: Uint8Array): readonly FlowEffect[] {
    if (this.#over) return NOTHING;
    assert(!this.#sentEnd, "bytes after the end of the socket");
    const effects: FlowEffect[] = [];
    for (let at = 0; at < payload.length; at += STREAM_CHUNK_BYTES_MAX) {
      const chunk = payload.subarray(at, at + STREAM_CHUNK_BYTES_MAX);
      effects.push({ kind: "send", frame: { kind: "data", payload: chunk } });
      this.#credit -= costOf(chunk.length);
    }
    if (this.#credit <= 0 && !this.#paused) {
      this.#paused = true;
      effects.push({ kind: "pause" });
    }
    return effects;
  }

  /** The socket ended its half. */
  ended(): readonly FlowEffect[] {
    if (this.#over || this.#sentEnd) return NOTHING;
    this.#sentEnd = true;
    return [{ kind: "send", frame: { kind: "end" } }, ...this.#finishIfDone()];
  }

  /** The socket took the `bytes` of one `write`. */
  flushed(bytes: number): readonly FlowEffect[] {
    if (this.#over) return NOTHING;
    this.#flushed += costOf(bytes);
    assert(this.#flushed <= this.#unconfirmed, `flushed ${this.#flushed} > ${this.#unconfirmed}`);
    if (this.#flushed < CONFIRM_BYTES || this.#gotEnd) return NOTHING;
    const frame: StreamFrame = { kind: "window", bytes: this.#flushed };
    this.#unconfirmed -= this.#flushed;
    this.#flushed = 0;
    return [{ kind: "send", frame }];
  }

  /** The socket broke. */
  broken(reason: string): readonly FlowEffect[] {
    if (this.#over) return NOTHING;
    return [{ kind: "send", frame: { kind: "reset" } }, ...this.#break(reason)];
  }

  /** The link ended. */
  linkClosed(reason: string): readonly FlowEffect[] {
    return this.#over ? NOTHING : this.#break(reason);
  }

  received(frame: StreamFrame): readonly FlowEffect[] {
    if (this.#over) return NOTHING;
    switch (frame.kind) {
      case "data":
        return this.#data(frame.payload);
      case "end":
        return this.#end();
      case "window":
        return this.#confirmed(frame.bytes);
      case "reset":
        return this.#break("reset by the other side");
      default:
        return this.#violation(`unexpected ${frame.kind}`);
    }
  }

  #data(payload: Uint8Array): readonly FlowEffect[] {
    if (this.#gotEnd) return this.#violation("bytes after the end");
    this.#unconfirmed += costOf(payload.length);
    // S1
    if (this.#unconfirmed >= STREAM_WINDOW_BYTES + 2 * STREAM_CHUNK_BYTES_MAX) {
      return this.#violation(`${this.#unconfirmed} bytes unconfirmed`);
    }
    return [{ kind: "write", payload }];
  }

  #end(): readonly FlowEffect[] {
    if (this.#gotEnd) return this.#violation("ended twice");
    this.#gotEnd = true;
    return [{ kind: "end-socket" }, ...this.#finishIfDone()];
  }

  #confirmed(bytes: number): readonly FlowEffect[] {
    this.#credit += bytes;
    if (this.#credit > STREAM_WINDOW_BYTES) return this.#violation("confirmed what was not sent");
    if (!this.#paused || this.#credit <= 0) return NOTHING;
    this.#paused = false;
    return [{ kind: "resume" }];
  }

  #finishIfDone(): readonly FlowEffect[] {
    if (!this.#sentEnd || !this.#gotEnd) return NOTHING;
    this.#over = true;
    return [{ kind: "finish" }];
  }

  #violation(what: string): readonly FlowEffect[] {
    const reset: FlowEffect = { kind: "send", frame: { kind: "reset" } };
    return [reset, ...this.#break(`protocol: ${what}`)];
  }

  #break(reason: string): readonly FlowEffect[] {
    this.#over = true;
    return [{ kind: "break", reason }];
  }
}

function costOf(payloadBytes: number): number {
  return payloadBytes + STREAM_FRAME_COST_BYTES;
}
