/**
 * The real network: WebSockets over mutual TLS 1.3. Who a peer is comes from its certificate alone
 * (docs/design/transport.md).
 */
import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock, Timer } from "../io/clock.ts";
import type { Log } from "../io/log.ts";
import type { Metrics } from "../io/metrics.ts";
import type { Accept, LinkEnd, LinkPath, LinkReceiver, Listener, Network } from "../io/network.ts";
import { LINK_QUEUE_BYTES_MAX, TLS_SESSIONS_MAX } from "../limits.ts";
import type { NodeIdentity } from "./identity.ts";
import { type DialTarget, type KnownSession, LinkDial } from "./link-dial.ts";
import {
  type CaService,
  LinkListener,
  NO_STANDING,
  type Opening,
  type Standing,
  serverContext,
} from "./link-listener.ts";
import { type LinkTraffic, type Wire, WsLink } from "./ws-link.ts";

/** Version of everything said on links; a peer that speaks another is refused and told. */
export const LINK_PROTOCOL = 1;

export interface TlsNetworkOptions {
  readonly identity: NodeIdentity;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Host part of this node's own address ("127.0.1.4"), by which a partition names it. */
  readonly host?: string;
  /** Serves `/ca` on every listener of this network; absent: strangers get nothing. */
  readonly ca?: CaService;
  /** For tests of version refusal. */
  readonly protocol?: number;
}

export interface TlsListener extends Listener {
  /** The port that was bound, once `ready` came without an error. */
  port(): number;
}

export interface TlsNetwork extends Network {
  listen(
    address: string,
    accept: Partial<Record<LinkPath, Accept>>,
    ready: (error: string | undefined) => void,
  ): TlsListener;
  /**
   * Cuts the wire to these hosts ("127.0.1.3"; a port is ignored), all others are healed. As on a
   * real cut wire, links to them fall silent and end after LINK_SILENCE_MAX_MS, and dials time out:
   * nothing is refused, since a refusal would prove a process gone. `deafTo`: what these send does
   * not arrive here, what is sent to them does; a new connection takes both ways.
   */
  setCut(addresses: Iterable<string>, deafTo?: Iterable<string>): void;
  /**
   * What the cluster says of nodes now: links with removed ones end at once, and none is made with
   * them any more; a demoted one is a worker, whatever its certificate says.
   */
  setStanding(standing: Standing): void;
  /** For new connections; links that are up keep the identity they were made with. */
  setIdentity(identity: NodeIdentity): void;
  /** Links that are up now. */
  linkCount(): number;
  /** Closes every listener, link and dial. */
  close(reason: string): void;
}

export function createTlsNetwork(options: TlsNetworkOptions): TlsNetwork {
  return new WsNetwork(options);
}

const SWEEP_MS = 1000;
/** A sweep later than this means that the process itself stood still. */
const STALL_MS = 2 * SWEEP_MS;

class WsNetwork implements TlsNetwork {
  readonly #options: TlsNetworkOptions;
  readonly #protocol: number;
  #identity: NodeIdentity;
  #context: SecureContext;
  #cut: ReadonlySet<string> = new Set();
  #deafTo: ReadonlySet<string> = new Set();
  #standing: Standing = NO_STANDING;
  readonly #listeners = new Set<LinkListener>();
  readonly #links = new Set<WsLink>();
  readonly #dials = new Set<LinkDial>();
  /** By address, the oldest first. */
  readonly #sessions = new Map<string, KnownSession>();
  readonly #traffic: LinkTraffic = {
    messagesSent: 0,
    bytesSent: 0,
    messagesReceived: 0,
    bytesReceived: 0,
  };
  #timer: Timer | undefined;
  #sweptAt = 0;
  #closed = false;

  constructor(options: TlsNetworkOptions) {
    this.#options = options;
    this.#protocol = options.protocol ?? LINK_PROTOCOL;
    this.#identity = options.identity;
    this.#context = createSecureContext(serverContext(options.identity));
  }

  listen(
    address: string,
    accept: Partial<Record<LinkPath, Accept>>,
    ready: (error: string | undefined) => void,
  ): TlsListener {
    const where = splitAddress(address);
    const listener = new LinkListener({
      identity: this.#identity,
      standing: () => this.#standing,
      ca: this.#options.ca,
      accept,
      protocol: this.#protocol,
      isCut: (host) => this.#wireTo(host) !== "whole",
      opened: (opening) => this.#accepted(opening),
      refused: (cause, detail) => {
        this.#options.metrics.count("skein_link_refusals_total", 1, { cause });
        this.#options.log.write("debug", "link refused", { cause, ...detail });
      },
    });
    this.#listeners.add(listener);
    if (where === undefined) setImmediate(() => ready(`not an address: ${address}`));
    else listener.listen(where, ready);
    return {
      port: () => listener.port(),
      close: () => {
        this.#listeners.delete(listener);
        listener.close();
      },
    };
  }

  dial(target: DialTarget, receiver: LinkReceiver): { cancel(): void } {
    const host = splitAddress(target.address)?.host ?? "";
    const identity = this.#identity;
    let link: WsLink | undefined;
    const dial = new LinkDial({
      target,
      identity,
      secureContext: this.#context,
      session: this.#sessions.get(target.address),
      keepSession: (session) => {
        if (this.#identity === identity) this.#keepSession(target.address, session);
      },
      protocol: this.#protocol,
      ownHost: this.#options.host,
      cut: this.#wireTo(host) !== "whole",
      clock: this.#options.clock,
      opened: (socket, ws, peer) => {
        this.#dials.delete(dial);
        if (this.#standing.removed.has(peer.nodeId)) {
          ws.terminate();
          receiver.closed({ kind: "forbidden", reason: removedReason(peer.nodeId) });
          return;
        }
        const handshake = socket.isSessionReused() ? "resumed" : "full";
        this.#options.metrics.count("skein_dials_total", 1, { handshake });
        const remote = target.address;
        link = this.#adopt({ socket, ws, peer, remote, peerHost: host, receiver }, () => undefined);
      },
      failed: (end) => {
        this.#dials.delete(dial);
        this.#options.metrics.count("skein_dial_failures_total", 1, { kind: end.kind });
        receiver.closed(end);
      },
    });
    this.#dials.add(dial);
    if (this.#closed) dial.cancel("the network is closed");
    return {
      cancel: () => {
        dial.cancel("cancelled");
        link?.close("cancelled");
      },
    };
  }

  setCut(addresses: Iterable<string>, deafTo: Iterable<string> = []): void {
    const hosts = (texts: Iterable<string>): ReadonlySet<string> =>
      new Set(Array.from(texts, (text) => splitAddress(text)?.host ?? text));
    this.#cut = hosts(addresses);
    this.#deafTo = hosts(deafTo);
    for (const link of this.#links) link.setWire(this.#wireTo(link.peerHost));
  }

  setStanding(standing: Standing): void {
    this.#standing = standing;
    for (const link of this.#links) {
      if (standing.removed.has(link.peer.nodeId)) link.close(removedReason(link.peer.nodeId));
    }
  }

  setIdentity(identity: NodeIdentity): void {
    this.#identity = identity;
    this.#context = createSecureContext(serverContext(identity));
    // A resumed session would carry the old certificate on.
    this.#sessions.clear();
    for (const listener of this.#listeners) listener.setIdentity(identity);
  }

  linkCount(): number {
    return this.#links.size;
  }

  close(reason: string): void {
    this.#closed = true;
    for (const listener of this.#listeners) listener.close();
    for (const dial of this.#dials) dial.cancel(reason);
    for (const link of this.#links) link.close(reason);
    this.#listeners.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #accepted(opening: Opening): void {
    const link = this.#adopt(opening, opening.released);
    if (this.#closed) link.close("the network is closed");
  }

  #adopt(opening: Omit<Opening, "path" | "released">, released: () => void): WsLink {
    const link = new WsLink({
      ...opening,
      traffic: this.#traffic,
      now: this.#options.clock.now(),
      ended: (ended, end) => {
        this.#links.delete(ended);
        released();
        this.#ended(ended, end);
      },
    });
    this.#links.add(link);
    link.setWire(this.#wireTo(link.peerHost));
    this.#arm();
    opening.receiver.opened(link);
    return link;
  }

  #wireTo(host: string): Wire {
    if (this.#cut.has(host)) return "cut";
    return this.#deafTo.has(host) ? "deaf" : "whole";
  }

  #ended(link: WsLink, end: LinkEnd): void {
    this.#options.metrics.count("skein_links_closed_total", 1, { kind: end.kind });
    if (end.kind === "closed") return;
    const { nodeId } = link.peer;
    this.#options.log.write("warn", "link ended", { peer: nodeId, remote: link.remote, ...end });
  }

  #keepSession(address: string, session: KnownSession | undefined): void {
    this.#sessions.delete(address);
    if (session === undefined) return;
    const oldest = this.#sessions.keys().next();
    if (this.#sessions.size >= TLS_SESSIONS_MAX && !oldest.done)
      this.#sessions.delete(oldest.value);
    this.#sessions.set(address, session);
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#sweptAt = this.#options.clock.now();
    this.#timer = this.#options.clock.after(SWEEP_MS, () => this.#sweep());
  }

  #sweep(): void {
    this.#timer = undefined;
    const { clock, metrics } = this.#options;
    const now = clock.now();
    const gap = now - this.#sweptAt;
    let deepest = 0;
    for (const link of this.#links) {
      deepest = Math.max(deepest, link.queuedBytes());
      link.sweep(now, gap > STALL_MS ? gap : 0);
    }
    metrics.gauge("skein_links", this.#links.size);
    metrics.gauge("skein_link_queue_bytes", deepest, { of: "deepest" });
    metrics.gauge("skein_link_queue_bytes", LINK_QUEUE_BYTES_MAX, { of: "limit" });
    this.#report();
    if (this.#links.size > 0) this.#arm();
  }

  #report(): void {
    const { metrics } = this.#options;
    const traffic = this.#traffic;
    const [sent, received] = [{ direction: "sent" }, { direction: "received" }];
    metrics.count("skein_link_messages_total", traffic.messagesSent, sent);
    metrics.count("skein_link_messages_total", traffic.messagesReceived, received);
    metrics.count("skein_link_bytes_total", traffic.bytesSent, sent);
    metrics.count("skein_link_bytes_total", traffic.bytesReceived, received);
    traffic.messagesSent = 0;
    traffic.bytesSent = 0;
    traffic.messagesReceived = 0;
    traffic.bytesReceived = 0;
  }
}

function removedReason(node: string): string {
  return `Node ${node} was removed from the cluster.`;
}

/** "host:port", "[v6]:port" or a host alone. */
function splitAddress(
  address: string,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  return host === undefined ? undefined : { host, port: Number(match?.[3] ?? 0) };
}
