/** The gossip member's links over the network port, by number; counts what they carry. */
import type { GossipInput } from "@skein/common/gossip/protocol";
import type { NodeId } from "@skein/common/ids";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Accept, Link, LinkReceiver, Network } from "@skein/common/io/network";
import { GOSSIP_QUEUE_BYTES_MAX } from "@skein/common/limits";
import { decode, encode } from "@skein/common/wire/codec";
import type { GossipMessage } from "@skein/common/wire/gossip-messages";
import { gossipMessageSchema } from "@skein/common/wire/gossip-messages";

export interface GossipLinksPorts {
  readonly network: Network;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface Entry {
  readonly dial?: { cancel(): void };
  link?: Link;
}

/** Messages and bytes of each kind, both ways: for `skein gossip`. */
export type GossipTraffic = Record<string, { sent: number; received: number }>;

export class GossipLinks {
  readonly #ports: GossipLinksPorts;
  readonly #submit: (input: GossipInput) => void;
  readonly #links = new Map<number, Entry>();
  readonly traffic: GossipTraffic = {};
  bytesSent = 0;
  bytesReceived = 0;
  #incoming = 0;
  /** One encoding serves every link a message is sent on in a row. */
  #last: { readonly message: GossipMessage; readonly bytes: Uint8Array } | undefined;

  constructor(ports: GossipLinksPorts, submit: (input: GossipInput) => void) {
    this.#ports = ports;
    this.#submit = submit;
  }

  readonly accept: Accept = (peer) => {
    this.#incoming += 2;
    return this.#receiver(this.#incoming, peer.nodeId, false);
  };

  dial(number: number, nodeId: NodeId, address: string): void {
    const target = { address, path: "/gossip", expect: nodeId } as const;
    const entry: Entry = {
      dial: this.#ports.network.dial(target, this.#receiver(number, nodeId, true)),
    };
    this.#links.set(number, entry);
  }

  send(number: number, message: GossipMessage): void {
    const link = this.#links.get(number)?.link;
    if (link === undefined) return;
    if (message.kind === "news" && message.statements.length === 0) {
      // A peer that reads slowly misses deltas, not pings: digests mend it.
      const full = link.queuedBytes() > GOSSIP_QUEUE_BYTES_MAX;
      if (full) return this.#ports.metrics.count("skein_gossip_deltas_skipped_total");
    }
    const bytes = this.#encode(message);
    this.#count(message.kind, "sent", bytes.length);
    // A copy: bytes are handed over to the link.
    link.send(bytes.slice());
  }

  close(number: number, reason: string): void {
    const entry = this.#links.get(number);
    this.#links.delete(number);
    if (entry?.link === undefined) entry?.dial?.cancel();
    else entry.link.close(reason);
  }

  closeAll(reason: string): void {
    for (const number of [...this.#links.keys()]) this.close(number, reason);
  }

  #receiver(number: number, nodeId: NodeId, dialled: boolean): LinkReceiver {
    return {
      opened: (link) => {
        const entry = this.#links.get(number);
        if (entry === undefined && dialled) return link.close("no longer wanted");
        this.#links.set(number, { ...entry, link });
        this.#submit({ kind: "opened", link: number, nodeId, dialled });
      },
      message: (bytes) => this.#received(number, bytes),
      closed: (end) => {
        if (!this.#links.delete(number)) return;
        this.#submit({ kind: "closed", link: number, end: end.kind });
      },
    };
  }

  #received(number: number, bytes: Uint8Array): void {
    const link = this.#links.get(number)?.link;
    if (link === undefined) return;
    const message = decode(gossipMessageSchema, bytes);
    if (message.ok) {
      this.#count(message.value.kind, "received", bytes.length);
      return this.#submit({ kind: "received", link: number, message: message.value });
    }
    this.#ports.metrics.count("skein_frames_refused_total", 1, { path: "/gossip" });
    this.#ports.log.write("warn", "refused a message", { reason: message.error.reason });
    link.close(`malformed message: ${message.error.reason}`);
  }

  #encode(message: GossipMessage): Uint8Array {
    if (this.#last?.message !== message) this.#last = { message, bytes: encode(message) };
    return this.#last.bytes;
  }

  #count(kind: string, direction: "sent" | "received", bytes: number): void {
    const counts = (this.traffic[kind] ??= { sent: 0, received: 0 });
    counts[direction] += 1;
    if (direction === "sent") this.bytesSent += bytes;
    else this.bytesReceived += bytes;
    this.#ports.metrics.count("skein_gossip_messages_total", 1, { kind, direction });
    this.#ports.metrics.count("skein_gossip_bytes_total", bytes, { direction });
  }
}
