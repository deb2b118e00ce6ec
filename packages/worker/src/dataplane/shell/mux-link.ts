/**
 * One `/stream` link with its streams, on either side: sorts frames, and keeps the link's budget.
 */
import type { TaskId } from "@skein/common/ids";
import type { Link } from "@skein/common/io/network";
import { LinkBudget } from "../link-budget.ts";
import type { StreamFrame } from "../stream-frame.ts";
import { decodeFrame, encodeFrame } from "../stream-frame.ts";

/** One stream of a link. */
export interface StreamReceiver {
  frame(frame: StreamFrame): void;
  linkClosed(reason: string): void;
  /** The link has enough under way: read no more from the socket; `go` takes it back. */
  hold(): void;
  go(): void;
}

export interface MuxEvents {
  /** The other side opens a stream. */
  open(stream: number, task: TaskId, port: number): void;
  /** The last stream is gone. */
  idle(): void;
  /** Something came: the other end lives. */
  heard(): void;
}

export class MuxLink {
  readonly #link: Link;
  readonly #events: MuxEvents;
  readonly #streams = new Map<number, StreamReceiver>();
  readonly #budget = new LinkBudget();

  constructor(link: Link, events: MuxEvents) {
    this.#link = link;
    this.#events = events;
  }

  add(stream: number, receiver: StreamReceiver): void {
    this.#streams.set(stream, receiver);
    if (this.#budget.full()) receiver.hold();
  }

  /** Frames that still come for it are passed over: numbers are never used again. */
  remove(stream: number): void {
    if (this.#streams.delete(stream) && this.#streams.size === 0) this.#events.idle();
  }

  has(stream: number): boolean {
    return this.#streams.has(stream);
  }

  streamCount(): number {
    return this.#streams.size;
  }

  send(stream: number, frame: StreamFrame): void {
    const bytes = encodeFrame(stream, frame);
    this.#link.send(bytes);
    if (frame.kind !== "data" || !this.#budget.sent(bytes.length)) return;
    for (const receiver of this.#streams.values()) receiver.hold();
  }

  message(bytes: Uint8Array): void {
    const decoded = decodeFrame(bytes);
    if (!decoded.ok) return this.#link.close(`protocol: ${decoded.error}`);
    const { stream, frame } = decoded.value;
    this.#events.heard();
    if (frame.kind === "data") this.#confirm(bytes.length);
    if (frame.kind === "open") this.#events.open(stream, frame.taskId, frame.port);
    else if (frame.kind === "got") this.#got(frame.bytes);
    else if (frame.kind === "ping") this.#link.send(encodeFrame(0, { kind: "pong" }));
    else this.#streams.get(stream)?.frame(frame);
  }

  ping(): void {
    this.#link.send(encodeFrame(0, { kind: "ping" }));
  }

  close(reason: string): void {
    this.#link.close(reason);
  }

  /** The link ended, and all its streams with it. */
  closed(reason: string): void {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const receiver of streams) receiver.linkClosed(reason);
  }

  #confirm(bytes: number): void {
    const arrived = this.#budget.arrived(bytes);
    if (arrived !== undefined) this.#link.send(encodeFrame(0, { kind: "got", bytes: arrived }));
  }

  #got(bytes: number): void {
    if (!this.#budget.got(bytes)) return;
    for (const receiver of this.#streams.values()) {
      // Those that go on may fill it again.
      if (!this.#budget.full()) receiver.go();
    }
  }
}
