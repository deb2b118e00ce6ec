/**
 * A byte stream over one link: `/stream` between nodes, `/api` to the leader.
 *
 * Frames, by their first byte: 0 data; 1 end (this side writes no more, the other may go on); 2
 * credit (four bytes, big endian). A stream that breaks off closes its link; the other side sees a
 * reset.
 *
 * Invariants:
 *   S1. A side has at most DUPLEX_WINDOW_BYTES under way that the other's reader has not taken:
 *       bytes plus DUPLEX_FRAME_BYTES for each frame. So neither side holds more, however slow the
 *       reader is.
 *   S2. An end is told only after all data before it; bytes are neither lost nor doubled before it.
 *   S3. A stream ends without error only when both sides have ended.
 */
import { Duplex } from "node:stream";
import type { Link, LinkEnd, LinkReceiver, Network } from "../io/network.ts";
import { DUPLEX_CHUNK_BYTES, DUPLEX_FRAME_BYTES, DUPLEX_WINDOW_BYTES } from "../limits.ts";
import type { DialTarget } from "./link-dial.ts";

export interface LinkDuplex {
  /** Writable at once; what is written before the link opens is sent when it does. */
  readonly stream: Duplex;
  /** To be handed to `dial`, or returned by an `Accept`. */
  readonly receiver: LinkReceiver;
}

/** Why a stream over a link broke off. `code` is what node's own sockets would say. */
export class LinkStreamError extends Error {
  override readonly name = "LinkStreamError";
  readonly end: LinkEnd;
  readonly code: "ECONNREFUSED" | "ECONNRESET" | "ETIMEDOUT";

  constructor(end: LinkEnd) {
    super(end.reason === "" ? end.kind : `${end.kind}: ${end.reason}`);
    this.end = end;
    this.code =
      end.kind === "refused" ? "ECONNREFUSED" : end.kind === "timeout" ? "ETIMEDOUT" : "ECONNRESET";
  }
}

export interface LinkDuplexOptions {
  readonly opened?: (link: Link) => void;
  /** Called when the stream is destroyed before the link has opened. */
  readonly cancel?: () => void;
}

export function linkDuplex(options: LinkDuplexOptions = {}): LinkDuplex {
  const stream = new LinkStream(options);
  return { stream, receiver: stream.receiver };
}

/** Dials and gives the stream at once; a failed dial destroys it with a `LinkStreamError`. */
export function dialDuplex(
  network: Network,
  target: DialTarget,
  opened?: (link: Link) => void,
): Duplex {
  const { stream, receiver } = linkDuplex({
    ...(opened === undefined ? {} : { opened }),
    cancel: () => dial.cancel(),
  });
  const dial = network.dial(target, receiver);
  return stream;
}

const DATA = 0;
const END = 1;
const CREDIT = 2;
const CREDIT_BYTES = 5;
/** Credit is granted in lumps: one small frame for a quarter of the window. */
const CREDIT_LUMP_BYTES = DUPLEX_WINDOW_BYTES / 4;

interface PendingWrite {
  readonly chunk: Buffer;
  readonly done: (error?: Error | null) => void;
}

class LinkStream extends Duplex {
  readonly receiver: LinkReceiver = {
    opened: (link) => this.#opened(link),
    message: (bytes) => this.#message(bytes),
    closed: (end) => this.#closed(end),
  };
  readonly #options: LinkDuplexOptions;
  #link: Link | undefined;
  #linkEnded = false;
  /** What may still be sent. */
  #window = 0;
  #pending: PendingWrite | undefined;
  /** Received, not asked for yet. */
  readonly #inbox: Buffer[] = [];
  /** Cost of what was received and not credited. */
  #uncredited = 0;
  /** Cost of what the reader has taken and not been credited for. */
  #taken = 0;
  #wanted = false;
  #sentEnd = false;
  #receivedEnd = false;

  constructor(options: LinkDuplexOptions) {
    super({ readableHighWaterMark: DUPLEX_CHUNK_BYTES, writableHighWaterMark: DUPLEX_CHUNK_BYTES });
    this.#options = options;
  }

  override _write(chunk: Buffer, _encoding: string, done: PendingWrite["done"]): void {
    this.#pending = { chunk, done };
    this.#send();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sentEnd = true;
    this.#link?.send(Uint8Array.of(END));
    done();
  }

  override _read(): void {
    this.#wanted = true;
    this.#deliver();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inbox.length = 0;
    this.#pending = undefined;
    if (this.#link === undefined && !this.#linkEnded) this.#options.cancel?.();
    this.#link?.close(error?.message ?? (this.#bothEnded() ? "done" : "destroyed"));
    done(error);
  }

  #bothEnded(): boolean {
    return this.#sentEnd && this.#receivedEnd;
  }

  #opened(link: Link): void {
    if (this.destroyed) {
      link.close("destroyed");
      return;
    }
    this.#link = link;
    this.#window = DUPLEX_WINDOW_BYTES;
    this.#options.opened?.(link);
    // An end that waits means that nothing was written (S2): writes are done before `_final` is
    // called.
    if (this.#sentEnd) link.send(Uint8Array.of(END));
    else this.#send();
  }

  #closed(end: LinkEnd): void {
    this.#link = undefined;
    this.#linkEnded = true;
    // S3. What the reader has not taken yet stays readable when both sides had ended.
    if (!this.#bothEnded()) this.destroy(new LinkStreamError(end));
  }

  #message(bytes: Uint8Array): void {
    if (this.destroyed) return;
    const kind = bytes[0];
    if (kind === DATA && !this.#receivedEnd) this.#data(bytes);
    else if (kind === CREDIT && bytes.length === CREDIT_BYTES) this.#credit(bytes);
    else if (kind === END && bytes.length === 1 && !this.#receivedEnd) this.#end();
    else this.#violation(`frame ${String(kind)} of ${bytes.length} bytes`);
  }

  #data(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.length - 1);
    this.#uncredited += costOf(chunk);
    if (this.#uncredited > DUPLEX_WINDOW_BYTES) {
      this.#violation(`${this.#uncredited} bytes under way`); // S1: the peer does not keep to it.
      return;
    }
    this.#inbox.push(chunk);
    this.#deliver();
  }

  #end(): void {
    this.#receivedEnd = true;
    this.#deliver();
  }

  #credit(bytes: Uint8Array): void {
    const amount = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32BE(1);
    this.#window += amount;
    if (this.#window > DUPLEX_WINDOW_BYTES) this.#violation(`credit of ${this.#window} bytes`);
    else this.#send();
  }

  #deliver(): void {
    while (this.#wanted && this.#inbox.length > 0) {
      const chunk = this.#inbox.shift();
      if (chunk === undefined) break;
      this.#taken += costOf(chunk);
      // A push may call `_read` again, and so set it.
      this.#wanted = false;
      if (this.push(chunk)) this.#wanted = true;
    }
    if (this.#taken >= CREDIT_LUMP_BYTES) this.#grant();
    // A reader may call back from within `push`: the wish is taken back first, so that it ends
    // once.
    if (this.#receivedEnd && this.#inbox.length === 0 && this.#wanted) {
      this.#wanted = false;
      this.push(null);
    }
  }

  #grant(): void {
    const frame = Buffer.alloc(CREDIT_BYTES);
    frame[0] = CREDIT;
    frame.writeUInt32BE(this.#taken, 1);
    this.#uncredited -= this.#taken;
    this.#taken = 0;
    this.#link?.send(frame);
  }

  #send(): void {
    const link = this.#link;
    while (link !== undefined && this.#pending !== undefined) {
      const { chunk, done } = this.#pending;
      const part = chunk.subarray(0, Math.min(DUPLEX_CHUNK_BYTES, chunk.length));
      const cost = costOf(part);
      if (cost > this.#window) return;
      this.#window -= cost;
      const frame = Buffer.allocUnsafe(part.length + 1);
      frame[0] = DATA;
      frame.set(part, 1);
      // A refused send ends the link, and its end destroys this stream.
      if (!link.send(frame)) return;
      const rest = chunk.subarray(part.length);
      this.#pending = rest.length === 0 ? undefined : { chunk: rest, done };
      if (rest.length === 0) done();
    }
  }

  #violation(what: string): void {
    this.destroy(new LinkStreamError({ kind: "protocol", reason: what }));
  }
}

function costOf(chunk: Uint8Array): number {
  return chunk.length + DUPLEX_FRAME_BYTES;
}
