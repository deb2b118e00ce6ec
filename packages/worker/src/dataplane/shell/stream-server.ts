/** Answers `/stream`: other nodes ask for a task of this one. The machine admits; this carries. */
import type { Socket } from "node:net";
import { connect } from "node:net";
import { taskId } from "@skein/common/ids";
import type { Accept, Link, LinkReceiver } from "@skein/common/io/network";
import type { DataPlaneInput } from "../dataplane.ts";
import type { StreamRefusal } from "../stream-frame.ts";
import { encodeFrame } from "../stream-frame.ts";
import { StreamPipe } from "./stream-pipe.ts";

export interface StreamServerOptions {
  readonly nextId: () => number;
  readonly submit: (input: DataPlaneInput) => void;
}

const TASK = /^[\w.:-]{1,64}$/;
const PORT = /^[1-9]\d{0,4}$/;

export class StreamServer {
  readonly #options: StreamServerOptions;
  readonly #streams = new Map<number, ServedStream>();

  constructor(options: StreamServerOptions) {
    this.#options = options;
  }

  /** The handler of the path; every node of the cluster may ask. */
  readonly accept: Accept = (_peer, query) => {
    const task = query.get("task") ?? "";
    const port = query.get("port") ?? "";
    if (!TASK.test(task) || !PORT.test(port)) return "malformed stream request";
    const id = this.#options.nextId();
    const stream = new ServedStream({
      opened: () => {
        this.#streams.set(id, stream);
        this.#options.submit({ kind: "stream", id, taskId: taskId(task), port: Number(port) });
      },
      closed: () => {
        if (this.#streams.delete(id)) this.#options.submit({ kind: "stream-closed", id });
      },
    });
    return stream;
  };

  relay(id: number, address: string, port: number): void {
    this.#streams.get(id)?.relay(address, port);
  }

  refuse(id: number, code: StreamRefusal, reason: string): void {
    this.#streams.get(id)?.refuse(code, reason);
  }

  shut(): void {
    for (const stream of this.#streams.values()) stream.shut();
  }
}

interface StreamEvents {
  opened(): void;
  closed(): void;
}

class ServedStream implements LinkReceiver {
  readonly #events: StreamEvents;
  #link: Link | undefined;
  #socket: Socket | undefined;
  #pipe: StreamPipe | undefined;

  constructor(events: StreamEvents) {
    this.#events = events;
  }

  opened(link: Link): void {
    this.#link = link;
    this.#events.opened();
  }

  message(bytes: Uint8Array): void {
    if (this.#pipe !== undefined) return this.#pipe.message(bytes);
    // The other node speaks only after our first frame.
    this.#link?.close("protocol: bytes before the answer");
    this.#socket?.destroy();
  }

  closed(end: { readonly reason: string }): void {
    if (this.#pipe === undefined) this.#socket?.destroy();
    else this.#pipe.linkClosed(end.reason);
    this.#events.closed();
  }

  relay(address: string, port: number): void {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    this.#socket = socket;
    socket.on("error", (error) => {
      if (this.#pipe === undefined) this.refuse("unreachable", error.message);
    });
    socket.once("connect", () => {
      if (this.#link === undefined) return void socket.destroy();
      this.#link.send(encodeFrame({ kind: "accepted" }));
      this.#pipe = new StreamPipe(socket, this.#link);
    });
  }

  refuse(code: StreamRefusal, reason: string): void {
    this.#link?.send(encodeFrame({ kind: "refused", code, reason }));
    this.#link?.close(code);
  }

  shut(): void {
    this.#socket?.resetAndDestroy();
    this.#link?.close("the node's data plane ends");
  }
}
