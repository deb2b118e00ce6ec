/**
 * Links to other nodes' data planes, kept while they carry streams and a while longer. All new
 * streams to a node share a dial under way, so that a burst of clients is one handshake and not a
 * storm of them.
 */
import type { NodeId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Link, LinkReceiver, Network } from "@skein/common/io/network";
import {
  STREAM_LINK_IDLE_MS,
  STREAM_LINKS_PER_NODE,
  STREAM_PING_MS,
  STREAM_SILENT_MS,
} from "../../limits.ts";
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
  #shut = false;

  readonly #told: (node: NodeId, answers: boolean) => void;
  readonly #silent = new Set<NodeId>();

  /** `told` of a node that links go to: it stopped answering, or answers again. */
  constructor(network: Network, clock: Clock, told: (node: NodeId, answers: boolean) => void) {
    this.#network = network;
    this.#clock = clock;
    this.#told = told;
  }

  /** Gives a link to the node, dialling if need be; the answer takes the claim back. */
  claim(target: NodeTarget, claim: LinkClaim): () => void {
    const key = `${target.dataAddress} ${target.nodeId}`;
    const links = [...(this.#links.get(key) ?? [])];
    if (links.length < STREAM_LINKS_PER_NODE) links.push(this.#dial(key, target));
    // Nobody waits for a second link while there is a first.
    const open = links.filter((link) => link.isOpen());
    const usable = open.length > 0 ? open : links;
    this.#turn += 1;
    const chosen = usable[this.#turn % usable.length];
    return chosen === undefined ? () => undefined : chosen.take(claim);
  }

  shut(): void {
    this.#shut = true;
    for (const links of this.#links.values()) for (const link of links) link.shut();
  }

  /** Nodes of the serving table: a silent one that is not among them is asked no more. */
  retain(nodes: ReadonlySet<NodeId>): void {
    for (const node of this.#silent) if (!nodes.has(node)) this.#silent.delete(node);
  }

  #answers(target: NodeTarget, answers: boolean): void {
    const { nodeId } = target;
    if (answers === !this.#silent.has(nodeId)) return;
    if (answers) this.#silent.delete(nodeId);
    else this.#silent.add(nodeId);
    this.#told(nodeId, answers);
  }

  /** Nobody is sent to a silent node any more, so nobody would find that it answers again. */
  #lookAgain(key: string, target: NodeTarget): void {
    this.#clock.after(STREAM_PING_MS, () => {
      if (this.#shut || !this.#silent.has(target.nodeId) || this.#links.has(key)) return;
      this.#dial(key, target);
    });
  }

  #dial(key: string, target: NodeTarget): DialledLink {
    const link: DialledLink = new DialledLink(this.#clock, {
      forget: () => {
        this.#forget(key, link);
        if (this.#silent.has(target.nodeId)) this.#lookAgain(key, target);
      },
      answers: (answers) => this.#answers(target, answers),
    });
    this.#links.set(key, [...(this.#links.get(key) ?? []), link]);
    link.dial(this.#network, target);
    return link;
  }

  #forget(key: string, link: DialledLink): void {
    const links = this.#links.get(key)?.filter((other) => other !== link) ?? [];
    if (links.length > 0) this.#links.set(key, links);
    else this.#links.delete(key);
  }
}

interface LinkNews {
  forget(): void;
  answers(answers: boolean): void;
}

const STREAM_NUMBER_MAX = 2 ** 32 - 1;

class DialledLink implements LinkReceiver {
  readonly #clock: Clock;
  readonly #events: LinkNews;
  readonly #claims = new Set<LinkClaim>();
  #mux: MuxLink | undefined;
  #lastStream = 0;
  #heardSince = true;
  #idle: Timer | undefined;
  #pulse: Timer | undefined;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, events: LinkNews) {
    this.#clock = clock;
    this.#events = events;
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
      heard: () => this.#heard(),
    });
    this.#mux = mux;
    this.#events.answers(true);
    this.#askAfter(STREAM_PING_MS);
    for (const claim of this.#claims) this.#give(mux, claim);
    this.#claims.clear();
    if (mux.streamCount() === 0) this.#restUntilClosed();
  }

  message(bytes: Uint8Array): void {
    this.#mux?.message(bytes);
  }

  closed(end: { readonly kind: string; readonly reason: string }): void {
    this.#idle?.cancel();
    this.#pulse?.cancel();
    if (end.kind === "timeout") this.#events.answers(false);
    this.#events.forget();
    const claims = [...this.#claims];
    this.#claims.clear();
    for (const claim of claims) claim.failed(`${end.kind}: ${end.reason}`);
    this.#mux?.closed(end.reason);
  }

  shut(): void {
    this.#idle?.cancel();
    this.#pulse?.cancel();
    this.#cancel();
  }

  /** Active check of the node: asks, and says so when nothing at all comes for too long. */
  #askAfter(delayMs: number): void {
    this.#pulse?.cancel();
    this.#pulse = this.#clock.after(delayMs, () => {
      this.#heardSince = false;
      this.#mux?.ping();
      this.#pulse = this.#clock.after(STREAM_SILENT_MS, () => {
        if (!this.#heardSince) this.#events.answers(false);
        this.#askAfter(STREAM_PING_MS - STREAM_SILENT_MS);
      });
    });
  }

  #heard(): void {
    if (this.#heardSince) return;
    this.#heardSince = true;
    this.#events.answers(true);
  }

  #give(mux: MuxLink, claim: LinkClaim): void {
    this.#idle?.cancel();
    this.#idle = undefined;
    this.#lastStream += 1;
    // Numbers are used up: streams that are open go on, new ones get another link.
    if (this.#lastStream === STREAM_NUMBER_MAX) this.#events.forget();
    claim.ready(mux, this.#lastStream);
  }

  #restUntilClosed(): void {
    this.#idle?.cancel();
    this.#idle = this.#clock.after(STREAM_LINK_IDLE_MS, () => {
      this.#events.forget();
      this.#mux?.close("idle");
    });
  }
}
