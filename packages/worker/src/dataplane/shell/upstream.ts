/**
 * The way to one backend: straight to a task of this node, or by a stream over its node. Nothing is
 * sent before it answered, so a try that fails has cost the client nothing.
 */
import type { ConnectTarget } from "../connection-effect.ts";
import type { StreamFrame } from "../stream-frame.ts";
import type { Conn, Dial, Tcp } from "./conn.ts";
import type { MuxLink, StreamReceiver } from "./mux-link.ts";
import { StreamConn } from "./stream-conn.ts";
import type { StreamDialer } from "./stream-dialer.ts";

/** Called once, unless the dial was cancelled. */
export type UpstreamDone = (result: Conn | { readonly error: string }) => void;

export interface UpstreamPorts {
  readonly tcp: Tcp;
  readonly dialer: StreamDialer;
}

export function dialUpstream(
  { tcp, dialer }: UpstreamPorts,
  target: ConnectTarget,
  done: UpstreamDone,
): Dial {
  return target.kind === "local"
    ? tcp.connect(target.address, target.port, done)
    : new StreamDial(dialer, target, done);
}

type RemoteTarget = Extract<ConnectTarget, { kind: "remote" }>;

/** A stream that waits for its answer; a `StreamConn` takes its place then. */
class StreamDial implements Dial, StreamReceiver {
  readonly #dialer: StreamDialer;
  readonly #target: RemoteTarget;
  #done: UpstreamDone | undefined;
  #opened: { readonly mux: MuxLink; readonly stream: number } | undefined;
  #unclaim: () => void = () => undefined;
  #secondTry = false;

  constructor(dialer: StreamDialer, target: RemoteTarget, done: UpstreamDone) {
    this.#dialer = dialer;
    this.#target = target;
    this.#done = done;
    this.#claim();
  }

  cancel(): void {
    this.#done = undefined;
    this.#unclaim();
    this.#leave("reset");
  }

  frame(frame: StreamFrame): void {
    if (frame.kind === "accepted") return this.#accepted();
    const reason = frame.kind === "refused" ? `${frame.code}: ${frame.reason}` : frame.kind;
    this.#leave(frame.kind === "refused" ? undefined : "reset");
    this.#finish({ error: reason });
  }

  linkClosed(reason: string): void {
    this.#opened = undefined;
    // The link may have been dead before we asked: that says nothing of the node as it is now.
    if (this.#done === undefined || this.#secondTry) return this.#finish({ error: reason });
    this.#secondTry = true;
    this.#claim();
  }

  hold(): void {
    // Nothing is written before the answer.
  }

  go(): void {
    // As above.
  }

  #claim(): void {
    const { taskId, port } = this.#target;
    this.#unclaim = this.#dialer.claim(this.#target, {
      ready: (mux, stream) => {
        this.#opened = { mux, stream };
        mux.add(stream, this);
        mux.send(stream, { kind: "open", taskId, port });
      },
      failed: (reason) => this.#finish({ error: reason }),
    });
  }

  #accepted(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined) this.#finish(new StreamConn(opened.mux, opened.stream));
  }

  #leave(how: "reset" | undefined): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    if (how === "reset") opened.mux.send(opened.stream, { kind: "reset" });
    opened.mux.remove(opened.stream);
  }

  #finish(result: Conn | { readonly error: string }): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(result);
  }
}
