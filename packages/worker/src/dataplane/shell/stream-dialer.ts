/**
 * Links to other nodes' data planes, kept while they carry streams and a while longer. All new
 * streams to a node share a dial under way, so that a burst of clients is one handshake and not a
 * storm of them.
 */
import type { NodeId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Link, LinkReceiver, Network } from "@skein/common/io/network";
import { STREAM_LINK_IDLE_MS, STREAM_LINKS_PER_NODE } from "../../limits.ts";
import { MuxLink } from "./mux-link.ts";

/** What wants a link. Exactly one of both is called, unless it was taken back. */
export interface LinkClaim {
  ready(mux: MuxLink, stream: number): void;
  failed(reason: string): void;
}

export interface NodeTarget {
  readonly dataAddress: string;
  readonly nodeId: NodeId;
}

export class StreamDialer {
  readonly #network: Network;
  readonly #clock: Clock;
  /** By data address and node; a row is deleted when its last link is gone. */
  readonly #links = new Map<string, DialledLink[]>();
  #turn = 0;

  constructor(network: Network, clock: Clock) {
    this.#network = network;
    this.#clock = clock;
  }

  /** Gives a link to the node, dialling if need be; the answer takes the claim back. */
  claim(target: NodeTarget, claim: LinkClaim): () => void {
    const key = `${target.dataAddress} ${target.nodeId}`;
    const links = this.#links.get(key) ?? [];
    this.#links.set(key, links);
    if (links.length < STREAM_LINKS_PER_NODE) {
      const link: DialledLink = new DialledLink(this.#clock, () => this.#forget(key, link));
      links.push(link);
      link.dial(this.#network, target);
    }
    // Nobody waits for a second link while there is a first.
    const open = links.filter((link) => link.isOpen());
    const usable = open.length > 0 ? open : links;
    this.#turn += 1;
    const chosen = usable[this.#turn % usable.length];
    return chosen === undefined ? () => undefined : chosen.take(claim);
  }

  shut(): void {
    for (const links of this.#links.values()) for (const link of links) link.shut();
  }

  #forget(key: string, link: DialledLink): void {
    const links = this.#links.get(key)?.filter((other) => other !== link) ?? [];
    if (links.length > 0) this.#links.set(key, links);
    else this.#links.delete(key);
  }
}

const STREAM_NUMBER_MAX = 2 ** 32 - 1;

class DialledLink implements LinkReceiver {
  readonly #clock: Clock;
  readonly #forget: () => void;
  readonly #claims = new Set<LinkClaim>();
  #mux: MuxLink | undefined;
  #lastStream = 0;
  #idle: Timer | undefined;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, forget: () => void) {
    this.#clock = clock;
    this.#forget = forget;
  }

  dial(network: Network, target: NodeTarget): void {
    const { dataAddress: address, nodeId: expect } = target;
    const dialled = network.dial({ address, path: "/stream", expect }, this);
    this.#cancel = () => dialled.cancel();
  }

  isOpen(): boolean {
    return this.#mux !== undefined;
  }

  take(claim: LinkClaim): () => void {
    if (this.#mux !== undefined) {
      this.#give(this.#mux, claim);
      return () => undefined;
    }
    this.#claims.add(claim);
    return () => this.#claims.delete(claim);
  }

  opened(link: Link): void {
    const mux = new MuxLink(link, {
      // Only the side that dialled opens streams.
      open: () => link.close("protocol: a stream opened by the listening side"),
      idle: () => this.#restUntilClosed(),
    });
    this.#mux = mux;
    for (const claim of this.#claims) this.#give(mux, claim);
    this.#claims.clear();
    if (mux.streamCount() === 0) this.#restUntilClosed();
  }

  message(bytes: Uint8Array): void {
    this.#mux?.message(bytes);
  }

  closed(end: { readonly kind: string; readonly reason: string }): void {
    this.#idle?.cancel();
    this.#forget();
    const claims = [...this.#claims];
    this.#claims.clear();
    for (const claim of claims) claim.failed(`${end.kind}: ${end.reason}`);
    this.#mux?.closed(end.reason);
  }

  shut(): void {
    this.#idle?.cancel();
    this.#cancel();
  }

  #give(mux: MuxLink, claim: LinkClaim): void {
    this.#idle?.cancel();
    this.#idle = undefined;
    this.#lastStream += 1;
    // Numbers are used up: streams that are open go on, new ones get another link.
    if (this.#lastStream === STREAM_NUMBER_MAX) this.#forget();
    claim.ready(mux, this.#lastStream);
  }

  #restUntilClosed(): void {
    this.#idle?.cancel();
    this.#idle = this.#clock.after(STREAM_LINK_IDLE_MS, () => {
      this.#forget();
      this.#mux?.close("idle");
    });
  }
}
