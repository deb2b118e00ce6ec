/**
 * An accepted stream as a connection; `StreamFlow` decides, this performs. Towards the other node
 * credit takes the place of a socket's queue: it is full while none is left, or while the link has
 * enough under way.
 */
import { unreachable } from "@skein/common/assert";
import type { FlowEffect } from "../stream-flow.ts";
import { StreamFlow } from "../stream-flow.ts";
import type { StreamFrame } from "../stream-frame.ts";
import type { Conn, ConnEvents } from "./conn.ts";
import { DEAF } from "./conn.ts";
import type { MuxLink, StreamReceiver } from "./mux-link.ts";

export class StreamConn implements Conn, StreamReceiver {
  bytesRead = 0;
  bytesWritten = 0;
  readonly #mux: MuxLink;
  readonly #stream: number;
  readonly #flow = new StreamFlow();
  #events: ConnEvents = DEAF;
  /** Writing waits for the other side's reader, or for the link. */
  #noCredit = false;
  #held = false;
  #toldFull = false;
  /** What came while nobody wanted to read: at most a window. */
  #reading = false;
  #unread: Uint8Array[] = [];
  #endUnread = false;
  #over: { readonly error: string | undefined } | undefined;
  #told = false;

  constructor(mux: MuxLink, stream: number) {
    this.#mux = mux;
    this.#stream = stream;
    mux.add(stream, this);
  }

  listen(events: ConnEvents): void {
    this.#events = events;
  }

  pause(): void {
    this.#reading = false;
  }

  resume(): void {
    if (this.#reading) return;
    this.#reading = true;
    while (this.#reading) {
      const bytes = this.#unread.shift();
      if (bytes === undefined) break;
      this.#deliver(bytes);
    }
    if (!this.#reading) return;
    if (this.#endUnread) {
      this.#endUnread = false;
      this.#events.end();
    }
    this.#tellOver();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#over !== undefined) return true;
    this.bytesWritten += bytes.length;
    this.#perform(this.#flow.read(bytes));
    this.#toldFull = this.#isFull();
    return !this.#toldFull;
  }

  end(): void {
    this.#perform(this.#flow.ended());
  }

  destroy(): void {
    this.#break("closed");
  }

  reset(): void {
    this.#break("reset");
  }

  peer(): { readonly address: string; readonly port: number } {
    return { address: "", port: 0 };
  }

  frame(frame: StreamFrame): void {
    this.#perform(this.#flow.received(frame));
  }

  linkClosed(reason: string): void {
    this.#perform(this.#flow.linkClosed(reason));
  }

  hold(): void {
    this.#held = true;
  }

  go(): void {
    this.#held = false;
    this.#tellDrained();
  }

  #break(reason: string): void {
    this.#unread = [];
    this.#reading = true;
    this.#perform(this.#flow.broken(reason));
  }

  #isFull(): boolean {
    return this.#noCredit || this.#held;
  }

  #tellDrained(): void {
    if (!this.#toldFull || this.#isFull()) return;
    this.#toldFull = false;
    this.#events.drained();
  }

  #perform(effects: readonly FlowEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: FlowEffect): void {
    switch (effect.kind) {
      case "send":
        return this.#mux.send(this.#stream, effect.frame);
      case "write":
        return this.#received(effect.payload);
      case "end-socket":
        return this.#ended();
      case "pause":
        this.#noCredit = true;
        return;
      case "resume":
        this.#noCredit = false;
        return this.#tellDrained();
      case "finish":
        return this.#end(undefined);
      case "break":
        this.#unread = [];
        this.#reading = true;
        return this.#end(effect.reason);
      default:
        unreachable(effect);
    }
  }

  #received(payload: Uint8Array): void {
    this.bytesRead += payload.length;
    if (this.#reading && this.#unread.length === 0) this.#deliver(payload);
    else this.#unread.push(payload);
  }

  /** Handed on is taken: who cannot take more says `pause`. */
  #deliver(payload: Uint8Array): void {
    this.#events.data(Buffer.from(payload.buffer, payload.byteOffset, payload.length));
    this.#perform(this.#flow.flushed(payload.length));
  }

  #ended(): void {
    if (this.#reading && this.#unread.length === 0) this.#events.end();
    else this.#endUnread = true;
  }

  #end(error: string | undefined): void {
    if (this.#over !== undefined) return;
    this.#over = { error };
    this.#mux.remove(this.#stream);
    this.#tellOver();
  }

  /** After the last byte was handed on. */
  #tellOver(): void {
    if (this.#over === undefined || this.#told) return;
    if (!this.#reading || this.#unread.length > 0) return;
    this.#told = true;
    this.#events.closed(this.#over.error);
  }
}
