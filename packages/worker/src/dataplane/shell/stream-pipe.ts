/** Joins a socket with an accepted stream; `StreamFlow` decides, this performs. */
import type { Socket } from "node:net";
import { unreachable } from "@skein/common/assert";
import type { FlowEffect } from "../stream-flow.ts";
import { StreamFlow } from "../stream-flow.ts";
import type { StreamFrame } from "../stream-frame.ts";
import type { MuxLink, StreamReceiver } from "./mux-link.ts";

export interface PipeOptions {
  readonly mux: MuxLink;
  readonly stream: number;
  /** The stream is over; the socket may still be flushing. */
  readonly ended: () => void;
}

export class StreamPipe implements StreamReceiver {
  readonly #socket: Socket;
  readonly #options: PipeOptions;
  readonly #flow = new StreamFlow();
  /** Reading waits for the other side's reader, or for the link. */
  #paused = false;
  #held = false;

  /** The socket must have an error listener and must not have been read from. */
  constructor(socket: Socket, options: PipeOptions) {
    this.#socket = socket;
    this.#options = options;
    options.mux.add(options.stream, this);
    socket.on("data", (chunk: Buffer) => this.#perform(this.#flow.read(chunk)));
    socket.on("end", () => this.#perform(this.#flow.ended()));
    socket.on("error", (error) => this.#perform(this.#flow.broken(error.message)));
    socket.on("close", () => {
      if (!socket.readableEnded) this.#perform(this.#flow.broken("closed"));
    });
    this.#readOrWait();
  }

  frame(frame: StreamFrame): void {
    this.#perform(this.#flow.received(frame));
  }

  linkClosed(reason: string): void {
    this.#perform(this.#flow.linkClosed(reason));
  }

  hold(): void {
    this.#held = true;
    this.#readOrWait();
  }

  go(): void {
    this.#held = false;
    this.#readOrWait();
  }

  #readOrWait(): void {
    if (this.#paused || this.#held) this.#socket.pause();
    else this.#socket.resume();
  }

  #perform(effects: readonly FlowEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: FlowEffect): void {
    const { mux, stream } = this.#options;
    switch (effect.kind) {
      case "send":
        return mux.send(stream, effect.frame);
      case "write":
        return this.#write(effect.payload);
      case "end-socket":
        return void this.#socket.end();
      case "pause":
      case "resume":
        this.#paused = effect.kind === "pause";
        return this.#readOrWait();
      case "finish":
        return this.#end();
      case "break":
        this.#socket.resetAndDestroy();
        return this.#end();
      default:
        unreachable(effect);
    }
  }

  #end(): void {
    this.#options.mux.remove(this.#options.stream);
    this.#options.ended();
  }

  #write(payload: Uint8Array): void {
    this.#socket.write(payload, (error) => {
      if (!error) this.#perform(this.#flow.flushed(payload.length));
    });
  }
}
