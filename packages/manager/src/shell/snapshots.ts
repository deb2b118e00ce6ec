/**
 * Snapshots on their way between managers: their own connection, so that bulk never delays a
 * heartbeat. One header, the receiver's answer where to begin, chunks in order, the receiver's
 * verdict. A transfer that breaks is started again by Raft and goes on where the receiver stands,
 * if what it has is a beginning of the same bytes; nothing partial is ever visible.
 */
import type { RaftId, Term } from "@skein/common/ids";
import { nodeId, raftId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Accept, Link, Network } from "@skein/common/io/network";
import { decode, encode } from "@skein/common/wire/codec";
import { crc32 } from "@skein/common/wire/crc32";
import type { Decoded } from "@skein/common/wire/schema";
import { bytes, count, flag, termNumber } from "@skein/common/wire/schema";
import * as v from "valibot";
import {
  SNAPSHOT_BYTES_MAX,
  SNAPSHOT_CHUNK_BYTES,
  SNAPSHOT_PROGRESS_MS,
  SNAPSHOT_PUMP_MS,
  SNAPSHOT_QUEUE_CHUNKS,
} from "../limits.ts";
import type { Configuration, SnapshotMeta } from "../raft/protocol.ts";
import { snapshotMetaSchema } from "../raft/protocol.ts";
import type { Beginning } from "./partial-snapshot.ts";
import { PartialSnapshot } from "./partial-snapshot.ts";

export const snapshotMessageSchema = v.variant("kind", [
  v.object({
    kind: v.literal("header"),
    term: termNumber,
    meta: snapshotMetaSchema,
    totalBytes: count,
  }),
  /** The receiver has so many bytes with this checksum. */
  v.object({ kind: v.literal("from"), position: count, sum: count }),
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
  readonly metrics: Metrics;
  /** Of one message; absent: the limit of this package. */
  readonly chunkBytes?: number | undefined;
  /** Makes an arrived snapshot durable and tells Raft; `stored` false: it could not be kept. */
  arrived(snapshot: Arrived, stored: (ok: boolean) => void): void;
}

export class SnapshotTransfers {
  readonly #options: SnapshotTransfersOptions;
  #configuration: Configuration | undefined;
  /** What arrived of a transfer that is not complete: one leader sends at a time. */
  readonly #partial: PartialSnapshot;

  constructor(options: SnapshotTransfersOptions) {
    this.#options = options;
    this.#partial = new PartialSnapshot(options.clock);
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
    const sending = new Sending(this.#options, content, done);
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
    const receiving = new Receiving(from, this.#options, this.#partial);
    return {
      opened: (link) => receiving.opened(link),
      message: (frame) => receiving.message(frame),
      closed: () => undefined,
    };
  };
}

class Sending {
  readonly #options: SnapshotTransfersOptions;
  readonly #content: Outgoing;
  readonly #done: (delivered: boolean) => void;
  readonly #chunkBytes: number;
  #link: Link | undefined;
  #position = 0;
  #timer: Timer | undefined;
  #idleSince: number;
  #answered = false;
  #begun = false;

  constructor(
    options: SnapshotTransfersOptions,
    content: Outgoing,
    done: (delivered: boolean) => void,
  ) {
    this.#options = options;
    this.#content = content;
    this.#done = done;
    this.#chunkBytes = options.chunkBytes ?? SNAPSHOT_CHUNK_BYTES;
    this.#idleSince = options.clock.now();
  }

  opened(link: Link): void {
    this.#link = link;
    const { term, meta, state } = this.#content;
    link.send(encode({ kind: "header", term, meta, totalBytes: state.length }));
    this.#idleSince = this.#options.clock.now();
    this.#arm(SNAPSHOT_PROGRESS_MS);
  }

  message(frame: Uint8Array): void {
    const message = decode(snapshotMessageSchema, frame);
    if (!message.ok) this.#finish(false);
    else if (message.value.kind === "from" && !this.#begun) {
      this.#begun = true;
      this.#compare(message.value, { position: 0, sum: 0 });
    } else this.#finish(message.value.kind === "result" && message.value.installed);
  }

  closed(): void {
    this.#finish(false);
  }

  /** Chunk by chunk, a turn each: a long beginning must not delay a heartbeat. */
  #compare(theirs: Beginning, ours: Beginning): void {
    if (this.#answered) return;
    const { state } = this.#content;
    const end = Math.min(ours.position + this.#chunkBytes, theirs.position, state.length);
    if (end > ours.position) {
      const sum = crc32(state.subarray(ours.position, end), ours.sum);
      this.#timer?.cancel();
      this.#timer = this.#options.clock.after(0, () =>
        this.#compare(theirs, { position: end, sum }),
      );
      return;
    }
    const isSame = ours.position === theirs.position && ours.sum === theirs.sum;
    this.#position = isSame ? ours.position : 0;
    if (this.#position > 0) this.#options.metrics.count("skein_snapshots_resumed_total");
    this.#idleSince = this.#options.clock.now();
    this.#pump();
  }

  #pump(): void {
    const link = this.#link;
    if (link === undefined || this.#answered) return;
    const { state } = this.#content;
    while (this.#begun && this.#position < state.length && this.#hasRoom(link)) {
      const data = state.subarray(this.#position, this.#position + this.#chunkBytes);
      link.send(encode({ kind: "chunk", position: this.#position, data }));
      this.#position += data.length;
      this.#idleSince = this.#options.clock.now();
    }
    if (this.#options.clock.now() - this.#idleSince > SNAPSHOT_PROGRESS_MS) this.#finish(false);
    else this.#arm(SNAPSHOT_PUMP_MS);
  }

  #hasRoom(link: Link): boolean {
    return !this.#answered && link.queuedBytes() < SNAPSHOT_QUEUE_CHUNKS * this.#chunkBytes;
  }

  #arm(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, () => this.#pump());
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
  readonly #partial: PartialSnapshot;
  #link: Link | undefined;
  #header: Header | undefined;

  constructor(from: RaftId, options: SnapshotTransfersOptions, partial: PartialSnapshot) {
    this.#from = from;
    this.#options = options;
    this.#partial = partial;
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
    if (message.kind === "header" && this.#header === undefined) return this.#begin(message);
    if (message.kind !== "chunk" || this.#header === undefined) return `unexpected ${message.kind}`;
    const problem = this.#partial.add(this, message);
    if (problem !== undefined) return problem;
    return this.#partial.isComplete ? this.#complete(this.#header) : undefined;
  }

  #begin(header: Header): string | undefined {
    const { meta, totalBytes } = header;
    if (totalBytes > SNAPSHOT_BYTES_MAX) return `snapshot of ${totalBytes} bytes`;
    this.#header = header;
    const beginning = this.#partial.claim(this, { ...meta, totalBytes });
    this.#link?.send(encode({ kind: "from", ...beginning }));
    return this.#partial.isComplete ? this.#complete(header) : undefined;
  }

  #complete(header: Header): undefined {
    const { term, meta } = header;
    const arrived = { from: this.#from, term, meta, state: this.#partial.take() };
    this.#options.arrived(arrived, (installed) => {
      this.#link?.send(encode({ kind: "result", installed }));
    });
    return undefined;
  }
}
