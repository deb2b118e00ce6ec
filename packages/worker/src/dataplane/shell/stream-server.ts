/** Answers `/stream`: other nodes ask for tasks of this one. The machine admits; this carries. */
import type { TaskId } from "@skein/common/ids";
import type { Accept, Link, LinkReceiver } from "@skein/common/io/network";
import type { DataPlaneInput } from "../dataplane.ts";
import type { StreamFrame, StreamRefusal } from "../stream-frame.ts";
import type { Dial, Tcp } from "./conn.ts";
import type { StreamReceiver } from "./mux-link.ts";
import { MuxLink } from "./mux-link.ts";
import { splice } from "./splice.ts";
import { StreamConn } from "./stream-conn.ts";

export interface StreamServerOptions {
  readonly tcp: Tcp;
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
      heard: () => undefined,
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
    this.#streams.set(
      id,
      new ServedStream(this.#options.tcp, mux, { stream: asked.stream, ended }),
    );
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

/** A stream until its task accepted; from then on it is spliced with the task's connection. */
class ServedStream implements StreamReceiver {
  readonly #tcp: Tcp;
  readonly #mux: MuxLink;
  readonly #stream: number;
  readonly #ended: () => void;
  #dial: Dial | undefined;
  #over = false;

  constructor(
    tcp: Tcp,
    mux: MuxLink,
    { stream, ended }: { readonly stream: number; readonly ended: () => void },
  ) {
    this.#tcp = tcp;
    this.#mux = mux;
    this.#stream = stream;
    this.#ended = ended;
    mux.add(stream, this);
  }

  relay(address: string, port: number): void {
    if (this.#over) return;
    this.#dial = this.#tcp.connect(address, port, (result) => {
      if ("error" in result) return this.refuse("unreachable", result.error);
      if (this.#over) return result.destroy();
      this.#over = true;
      this.#mux.send(this.#stream, { kind: "accepted" });
      splice(new StreamConn(this.#mux, this.#stream), result, { over: this.#ended });
    });
  }

  refuse(code: StreamRefusal, reason: string): void {
    if (this.#over) return;
    this.#mux.send(this.#stream, { kind: "refused", code, reason });
    this.#end();
  }

  /** The other side speaks before our answer only to take the stream back. */
  frame(_frame: StreamFrame): void {
    this.#dial?.cancel();
    this.#end();
  }

  linkClosed(_reason: string): void {
    this.#dial?.cancel();
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
