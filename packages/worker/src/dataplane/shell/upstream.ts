/**
 * The way to one backend: straight to a task of this node, or by a stream over its node. Nothing is sent
 * before `join`, so a try that fails has cost the client nothing.
 */
import type { Socket } from "node:net";
import { connect } from "node:net";
import type { Link, LinkReceiver, Network } from "@skein/common/io/network";
import type { ConnectTarget } from "../connections.ts";
import { decodeFrame } from "../stream-frame.ts";
import { splice } from "./splice.ts";
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
  network: Network,
  target: ConnectTarget,
  done: UpstreamDone,
): Upstream {
  return target.kind === "local"
    ? new LocalUpstream(target, done)
    : new RemoteUpstream(network, target, done);
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

class RemoteUpstream implements Upstream, LinkReceiver {
  readonly #dialled: { cancel(): void };
  #done: UpstreamDone | undefined;
  #link: Link | undefined;
  #pipe: StreamPipe | undefined;
  /** What came between the answer and the join. */
  readonly #early: Uint8Array[] = [];

  constructor(network: Network, target: RemoteTarget, done: UpstreamDone) {
    const { dataAddress: address, nodeId: expect, taskId, port } = target;
    const query = `task=${encodeURIComponent(taskId)}&port=${port}`;
    this.#done = done;
    this.#dialled = network.dial({ address, path: "/stream", query, expect }, this);
  }

  opened(link: Link): void {
    this.#link = link;
  }

  message(bytes: Uint8Array): void {
    if (this.#pipe !== undefined) this.#pipe.message(bytes);
    else if (this.#done !== undefined) this.#answer(bytes);
    else this.#early.push(bytes);
  }

  closed(end: { readonly kind: string; readonly reason: string }): void {
    this.#finish(`${end.kind}: ${end.reason}`);
    this.#pipe?.linkClosed(end.reason);
  }

  abort(): void {
    this.#done = undefined;
    this.#dialled.cancel();
    this.#link?.close("given up");
  }

  join(client: Socket): void {
    if (this.#link === undefined) return void client.resetAndDestroy();
    this.#pipe = new StreamPipe(client, this.#link);
    for (const bytes of this.#early.splice(0)) this.#pipe.message(bytes);
  }

  /** The first frame says whether the other node carries the stream. */
  #answer(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame.ok && frame.value.kind === "accepted") return this.#finish(undefined);
    const refused = frame.ok && frame.value.kind === "refused" ? frame.value : undefined;
    this.#finish(refused === undefined ? "protocol" : `${refused.code}: ${refused.reason}`);
    this.#link?.close("refused");
  }

  #finish(error: string | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(error);
  }
}
