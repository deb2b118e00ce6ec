/**
 * Snapshots on their way between managers: their own connection, so that bulk never delays a
 * heartbeat. One header, then chunks in order, then the receiver's answer. A transfer that breaks
 * is started again by Raft; nothing partial is ever visible.
 */
import type { RaftId, Term } from "@skein/common/ids";
import { nodeId, raftId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Accept, Link, Network } from "@skein/common/io/network";
import { decode, encode } from "@skein/common/wire/codec";
import type { Decoded } from "@skein/common/wire/schema";
import { bytes, count, flag, termNumber } from "@skein/common/wire/schema";
import * as v from "valibot";
import {
  SNAPSHOT_BYTES_MAX,
  SNAPSHOT_CHUNK_BYTES,
  SNAPSHOT_PROGRESS_MS,
  SNAPSHOT_QUEUE_BYTES,
} from "../limits.ts";
import type { Configuration, SnapshotMeta } from "../raft/protocol.ts";
import { snapshotMetaSchema } from "../raft/protocol.ts";

export const snapshotMessageSchema = v.variant("kind", [
  v.object({
    kind: v.literal("header"),
    term: termNumber,
    meta: snapshotMetaSchema,
    totalBytes: count,
  }),
  v.object({ kind: v.literal("chunk"), position: count, data: bytes }),
  v.object({ kind: v.literal("result"), installed: flag }),
]);
type Message = Decoded<typeof snapshotMessageSchema>;
type Header = Extract<Message, { readonly kind: "header" }>;

export interface Arrived {
  readonly from: RaftId;
  readonly term: Term;
  readonly meta: SnapshotMeta;
  readonly state: Uint8Array;
}

export interface Outgoing {
  readonly term: Term;
  readonly meta: SnapshotMeta;
  readonly state: Uint8Array;
}

export interface SnapshotTransfersOptions {
  readonly self: RaftId;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes an arrived snapshot durable and tells Raft; `stored` false: it could not be kept. */
  arrived(snapshot: Arrived, stored: (ok: boolean) => void): void;
}

export class SnapshotTransfers {
  readonly #options: SnapshotTransfersOptions;
  #configuration: Configuration | undefined;

  constructor(options: SnapshotTransfersOptions) {
    this.#options = options;
  }

  configure(configuration: Configuration): void {
    this.#configuration = configuration;
  }

  /**
   * Sends one snapshot; `done` says whether the receiver has it durably. Times out per progress.
   */
  send(to: RaftId, content: Outgoing, done: (delivered: boolean) => void): void {
    const member = this.#configuration?.addresses[to];
    if (member === undefined) {
      done(false);
      return;
    }
    const sending = new Sending(this.#options.clock, content, done);
    this.#options.network.dial(
      {
        address: member.address,
        path: "/snapshot",
        query: `from=${this.#options.self}&to=${to}`,
        expect: nodeId(member.nodeId),
      },
      {
        opened: (link) => sending.opened(link),
        message: (frame) => sending.message(frame),
        closed: () => sending.closed(),
      },
    );
  }

  readonly accept: Accept = (identity, query) => {
    const from = raftId(query.get("from") ?? "");
    const member = this.#configuration?.addresses[from];
    if (query.get("to") !== this.#options.self) return "another Raft member was meant";
    // One that this log does not know yet may be its leader, as on `/raft`.
    const isOther = member !== undefined && member.nodeId !== identity.nodeId;
    if (isOther) return `Raft member ${from} is another node`;
    const receiving = new Receiving(from, this.#options);
    return {
      opened: (link) => receiving.opened(link),
      message: (frame) => receiving.message(frame),
      closed: () => undefined,
    };
  };
}

class Sending {
  readonly #clock: Clock;
  readonly #content: Outgoing;
  readonly #done: (delivered: boolean) => void;
  #link: Link | undefined;
  #position = 0;
  #timer: Timer | undefined;
  #idleSince: number;
  #answered = false;

  constructor(clock: Clock, content: Outgoing, done: (delivered: boolean) => void) {
    this.#clock = clock;
    this.#content = content;
    this.#done = done;
    this.#idleSince = clock.now();
  }

  opened(link: Link): void {
    this.#link = link;
    const { term, meta, state } = this.#content;
    link.send(encode({ kind: "header", term, meta, totalBytes: state.length }));
    this.#pump();
  }

  message(frame: Uint8Array): void {
    const message = decode(snapshotMessageSchema, frame);
    this.#finish(message.ok && message.value.kind === "result" && message.value.installed);
  }

  closed(): void {
    this.#finish(false);
  }

  #pump(): void {
    const link = this.#link;
    if (link === undefined || this.#answered) return;
    const { state } = this.#content;
    while (this.#position < state.length && link.queuedBytes() < SNAPSHOT_QUEUE_BYTES) {
      const data = state.subarray(this.#position, this.#position + SNAPSHOT_CHUNK_BYTES);
      link.send(encode({ kind: "chunk", position: this.#position, data }));
      this.#position += data.length;
      this.#idleSince = this.#clock.now();
    }
    if (this.#clock.now() - this.#idleSince > SNAPSHOT_PROGRESS_MS) {
      this.#finish(false);
      return;
    }
    this.#timer = this.#clock.after(10, () => this.#pump());
  }

  #finish(delivered: boolean): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#timer?.cancel();
    this.#link?.close("snapshot transfer ended");
    this.#done(delivered);
  }
}

class Receiving {
  readonly #from: RaftId;
  readonly #options: SnapshotTransfersOptions;
  #link: Link | undefined;
  #header: Header | undefined;
  #state = new Uint8Array(0);
  #filled = 0;

  constructor(from: RaftId, options: SnapshotTransfersOptions) {
    this.#from = from;
    this.#options = options;
  }

  opened(link: Link): void {
    this.#link = link;
  }

  message(frame: Uint8Array): void {
    const message = decode(snapshotMessageSchema, frame);
    const problem = message.ok ? this.#take(message.value) : message.error.reason;
    if (problem === undefined) return;
    this.#options.log.write("warn", "snapshot refused", { from: this.#from, reason: problem });
    this.#link?.close(problem);
  }

  /** The problem, or undefined. */
  #take(message: Message): string | undefined {
    if (message.kind === "header" && this.#header === undefined) {
      if (message.totalBytes > SNAPSHOT_BYTES_MAX) return `snapshot of ${message.totalBytes} bytes`;
      this.#header = message;
      this.#state = new Uint8Array(message.totalBytes);
      return message.totalBytes === 0 ? this.#complete(message) : undefined;
    }
    const header = this.#header;
    if (message.kind !== "chunk" || header === undefined) return `unexpected ${message.kind}`;
    if (message.position !== this.#filled) return `chunk at ${message.position}`;
    if (this.#filled + message.data.length > header.totalBytes) return "longer than announced";
    this.#state.set(message.data, this.#filled);
    this.#filled += message.data.length;
    return this.#filled === header.totalBytes ? this.#complete(header) : undefined;
  }

  #complete(header: Header): undefined {
    const { term, meta } = header;
    const arrived = { from: this.#from, term, meta, state: this.#state };
    this.#options.arrived(arrived, (installed) => {
      this.#link?.send(encode({ kind: "result", installed }));
    });
    return undefined;
  }
}
