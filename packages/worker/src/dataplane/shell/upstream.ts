/**
 * The way to one backend: straight to a task of this node, or by a stream over its node. Nothing is
 * sent before `join`, so a try that fails has cost the client nothing.
 */
import type { Socket } from "node:net";
import { connect } from "node:net";
import type { ConnectTarget } from "../connections.ts";
import type { StreamFrame } from "../stream-frame.ts";
import type { MuxLink, StreamReceiver } from "./mux-link.ts";
import { splice } from "./splice.ts";
import type { StreamDialer } from "./stream-dialer.ts";
import { StreamPipe } from "./stream-pipe.ts";

export interface Upstream {
  /** Gives the try up; `done` is not called any more. */
  abort(): void;
  /** After `done(undefined)`: joins the client with the backend. */
  join(client: Socket): void;
}

/** Called once: with undefined when the backend answered, else with why not. */
export type UpstreamDone = (error: string | undefined) => void;

export function openUpstream(
  dialer: StreamDialer,
  target: ConnectTarget,
  done: UpstreamDone,
): Upstream {
  return target.kind === "local"
    ? new LocalUpstream(target, done)
    : new RemoteUpstream(dialer, target, done);
}

type LocalTarget = Extract<ConnectTarget, { kind: "local" }>;
type RemoteTarget = Extract<ConnectTarget, { kind: "remote" }>;

class LocalUpstream implements Upstream {
  readonly #socket: Socket;
  #done: UpstreamDone | undefined;

  constructor(target: LocalTarget, done: UpstreamDone) {
    const { address: host, port } = target;
    this.#done = done;
    this.#socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    this.#socket.once("connect", () => this.#finish(undefined));
    // Stays for good, and is of no use after the join: the splice has a listener of its own.
    this.#socket.on("error", (error) => this.#finish(error.message));
  }

  abort(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  join(client: Socket): void {
    splice(client, this.#socket);
  }

  #finish(error: string | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(error);
  }
}

/** A stream that waits for its answer; from `join` on a `StreamPipe` takes its place. */
class RemoteUpstream implements Upstream, StreamReceiver {
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

  abort(): void {
    this.#done = undefined;
    this.#unclaim();
    this.#leave("reset");
  }

  join(client: Socket): void {
    if (this.#opened === undefined) return void client.resetAndDestroy();
    new StreamPipe(client, { ...this.#opened, ended: () => undefined });
  }

  frame(frame: StreamFrame): void {
    if (frame.kind === "accepted") return this.#finish(undefined);
    const reason = frame.kind === "refused" ? `${frame.code}: ${frame.reason}` : frame.kind;
    this.#leave(frame.kind === "refused" ? undefined : "reset");
    this.#finish(reason);
  }

  linkClosed(reason: string): void {
    this.#opened = undefined;
    // The link may have been dead before we asked: that says nothing of the node as it is now.
    if (this.#done === undefined || this.#secondTry) return this.#finish(reason);
    this.#secondTry = true;
    this.#claim();
  }

  hold(): void {
    // Nothing is read before the join.
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
      failed: (reason) => this.#finish(reason),
    });
  }

  #leave(how: "reset" | undefined): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    if (how === "reset") opened.mux.send(opened.stream, { kind: "reset" });
    opened.mux.remove(opened.stream);
  }

  #finish(error: string | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(error);
  }
}
