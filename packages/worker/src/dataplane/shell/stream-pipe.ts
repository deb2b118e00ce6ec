/** Joins a socket with an accepted `/stream` link; `StreamFlow` decides, this performs. */
import type { Socket } from "node:net";
import { unreachable } from "@skein/common/assert";
import type { Link } from "@skein/common/io/network";
import type { FlowEffect } from "../stream-flow.ts";
import { StreamFlow } from "../stream-flow.ts";
import { decodeFrame, encodeFrame } from "../stream-frame.ts";

export class StreamPipe {
  readonly #socket: Socket;
  readonly #link: Link;
  readonly #flow = new StreamFlow();

  /** The socket must have an error listener and must not have been read from. */
  constructor(socket: Socket, link: Link) {
    this.#socket = socket;
    this.#link = link;
    socket.on("data", (chunk: Buffer) => this.#perform(this.#flow.read(chunk)));
    socket.on("end", () => this.#perform(this.#flow.ended()));
    socket.on("error", (error) => this.#perform(this.#flow.broken(error.message)));
    socket.on("close", () => {
      if (!socket.readableEnded) this.#perform(this.#flow.broken("closed"));
    });
    socket.resume();
  }

  /** A message of the link. */
  message(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame.ok) this.#perform(this.#flow.received(frame.value));
    else this.#perform(this.#flow.broken(frame.error));
  }

  linkClosed(reason: string): void {
    this.#perform(this.#flow.linkClosed(reason));
  }

  #perform(effects: readonly FlowEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: FlowEffect): void {
    switch (effect.kind) {
      case "send":
        this.#link.send(encodeFrame(effect.frame));
        return;
      case "write":
        this.#write(effect.payload);
        return;
      case "end-socket":
        this.#socket.end();
        return;
      case "pause":
        this.#socket.pause();
        return;
      case "resume":
        this.#socket.resume();
        return;
      case "finish":
        this.#link.close("done");
        return;
      case "break":
        this.#socket.resetAndDestroy();
        this.#link.close(effect.reason);
        return;
      default:
        unreachable(effect);
    }
  }

  #write(payload: Uint8Array): void {
    this.#socket.write(payload, (error) => {
      if (!error) this.#perform(this.#flow.flushed(payload.length));
    });
  }
}
