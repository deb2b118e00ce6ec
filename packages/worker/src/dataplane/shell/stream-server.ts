/** Answers `/stream`: other nodes ask for tasks of this one. The machine admits; this carries. */
import type { Socket } from "node:net";
import { connect } from "node:net";
import type { TaskId } from "@skein/common/ids";
import type { Accept, Link, LinkReceiver } from "@skein/common/io/network";
import type { DataPlaneInput } from "../dataplane.ts";
import type { StreamFrame, StreamRefusal } from "../stream-frame.ts";
import type { StreamReceiver } from "./mux-link.ts";
import { MuxLink } from "./mux-link.ts";
import { StreamPipe } from "./stream-pipe.ts";

export interface StreamServerOptions {
  readonly nextId: () => number;
  readonly submit: (input: DataPlaneInput) => void;
}

export class StreamServer {
  readonly #options: StreamServerOptions;
  readonly #links = new Set<MuxLink>();
  readonly #streams = new Map<number, ServedStream>();

  constructor(options: StreamServerOptions) {
    this.#options = options;
  }

  /** The handler of the path; every node of the cluster may ask. */
  readonly accept: Accept = () => new ServedLink((link) => this.#opened(link), this.#links);

  relay(id: number, address: string, port: number): void {
    this.#streams.get(id)?.relay(address, port);
  }

  refuse(id: number, code: StreamRefusal, reason: string): void {
    this.#streams.get(id)?.refuse(code, reason);
  }

  shut(): void {
    for (const link of this.#links) link.close("the node's data plane ends");
    for (const stream of this.#streams.values()) stream.linkClosed("shut");
  }

  #opened(link: Link): MuxLink {
    const mux: MuxLink = new MuxLink(link, {
      open: (stream, task, port) => this.#open(mux, { stream, task, port }),
      idle: () => undefined,
    });
    return mux;
  }

  #open(
    mux: MuxLink,
    asked: { readonly stream: number; readonly task: TaskId; readonly port: number },
  ): void {
    if (mux.has(asked.stream)) return mux.close("protocol: a stream opened twice");
    const id = this.#options.nextId();
    const ended = (): void => {
      if (this.#streams.delete(id)) this.#options.submit({ kind: "stream-closed", id });
    };
    this.#streams.set(id, new ServedStream(mux, asked.stream, ended));
    this.#options.submit({ kind: "stream", id, taskId: asked.task, port: asked.port });
  }
}

class ServedLink implements LinkReceiver {
  readonly #start: (link: Link) => MuxLink;
  readonly #links: Set<MuxLink>;
  #mux: MuxLink | undefined;

  constructor(start: (link: Link) => MuxLink, links: Set<MuxLink>) {
    this.#start = start;
    this.#links = links;
  }

  opened(link: Link): void {
    this.#mux = this.#start(link);
    this.#links.add(this.#mux);
  }

  message(bytes: Uint8Array): void {
    this.#mux?.message(bytes);
  }

  closed(end: { readonly reason: string }): void {
    if (this.#mux === undefined) return;
    this.#links.delete(this.#mux);
    this.#mux.closed(end.reason);
  }
}

/** A stream until its task accepted; from then on a `StreamPipe` takes its place. */
class ServedStream implements StreamReceiver {
  readonly #mux: MuxLink;
  readonly #stream: number;
  readonly #ended: () => void;
  #socket: Socket | undefined;
  #over = false;

  constructor(mux: MuxLink, stream: number, ended: () => void) {
    this.#mux = mux;
    this.#stream = stream;
    this.#ended = ended;
    mux.add(stream, this);
  }

  relay(address: string, port: number): void {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    this.#socket = socket;
    socket.on("error", (error) => this.refuse("unreachable", error.message));
    socket.once("connect", () => {
      if (this.#over) return;
      this.#over = true;
      this.#mux.send(this.#stream, { kind: "accepted" });
      new StreamPipe(socket, { mux: this.#mux, stream: this.#stream, ended: this.#ended });
    });
  }

  refuse(code: StreamRefusal, reason: string): void {
    if (this.#over) return;
    this.#mux.send(this.#stream, { kind: "refused", code, reason });
    this.#end();
  }

  /** The other side speaks before our answer only to take the stream back. */
  frame(_frame: StreamFrame): void {
    this.#socket?.destroy();
    this.#end();
  }

  linkClosed(_reason: string): void {
    this.#socket?.resetAndDestroy();
    if (!this.#over) this.#end();
  }

  hold(): void {
    // Nothing is read before the answer.
  }

  go(): void {
    // As above.
  }

  #end(): void {
    this.#over = true;
    this.#mux.remove(this.#stream);
    this.#ended();
  }
}
