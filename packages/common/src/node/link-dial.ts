/** One outgoing connection: TCP, mutual TLS and upgrade, within one deadline. */

import type { ClientRequest, IncomingMessage } from "node:http";
import { type ConnectionOptions, connect, type SecureContext, type TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import type { NodeId } from "../ids.ts";
import type { Clock, Timer } from "../io/clock.ts";
import type { LinkEnd, LinkPath, PeerIdentity } from "../io/network.ts";
import { DIAL_TIMEOUT_MS, REFUSAL_BYTES_MAX } from "../limits.ts";
import type { NodeIdentity } from "./identity.ts";
import { subjectIdentity } from "./identity.ts";
import { WS_OPTIONS } from "./ws-link.ts";

export const PROTOCOL_HEADER = "x-skein-protocol";
/** The address a dialling node goes by; only partitions made for experiments look at it. */
/** Of a refusal that means more than its words: "removed". */
export const REFUSED_HEADER = "x-skein-refused";
export const ADDRESS_HEADER = "x-skein-address";

export interface DialTarget {
  readonly address: string;
  readonly path: LinkPath;
  readonly query?: string;
  readonly expect?: NodeId;
  readonly expectRole?: PeerIdentity["role"];
}

/**
 * A TLS session to resume: spares both sides the costly half of a handshake. A resumed handshake
 * shows no certificate again, so who was proved to be there is kept with it.
 */
export interface KnownSession {
  readonly ticket: Buffer;
  readonly peer: PeerIdentity;
}

export interface DialOptions {
  readonly target: DialTarget;
  readonly identity: NodeIdentity;
  readonly secureContext: SecureContext;
  /** Of the last connection to this address. */
  readonly session: KnownSession | undefined;
  /** Undefined: forget what was kept. */
  readonly keepSession: (session: KnownSession | undefined) => void;
  readonly protocol: number;
  /** Told to the peer in ADDRESS_HEADER. */
  readonly ownHost: string | undefined;
  /** True: the wire to this peer is cut; nothing is sent and the dial runs into its deadline. */
  readonly cut: boolean;
  readonly clock: Clock;
  readonly opened: (socket: TLSSocket, ws: WebSocket, peer: PeerIdentity) => void;
  readonly failed: (end: LinkEnd) => void;
}

/**
 * Exactly one of `opened` and `failed` is called, never from within the constructor or `cancel`.
 */
export class LinkDial {
  readonly #options: DialOptions;
  readonly #timer: Timer;
  #ws: WebSocket | undefined;
  #socket: TLSSocket | undefined;
  #done = false;

  constructor(options: DialOptions) {
    this.#options = options;
    const reason = `no answer from ${options.target.address} within ${DIAL_TIMEOUT_MS} ms`;
    this.#timer = options.clock.after(DIAL_TIMEOUT_MS, () => this.#fail("timeout", reason));
    if (!options.cut) this.#start();
  }

  cancel(reason: string): void {
    this.#fail("closed", reason);
  }

  #start(): void {
    const { target, protocol, ownHost } = this.#options;
    const query = target.query === undefined ? "" : `?${target.query}`;
    const headers: Record<string, string> = { [PROTOCOL_HEADER]: String(protocol) };
    if (ownHost !== undefined) headers[ADDRESS_HEADER] = ownHost;
    const options = {
      ...WS_OPTIONS,
      headers,
      // A mask of zeros: masking guards plain-text proxies, and there is none inside TLS.
      generateMask: () => undefined,
      createConnection: (where: ConnectionOptions) => this.#connect(where),
    };
    try {
      // The cast: ws types its hook with all overloads of net.createConnection and calls it with
      // options.
      this.#ws = new WebSocket(
        `wss://${target.address}${target.path}${query}`,
        options as unknown as WebSocket.ClientOptions,
      );
    } catch (error) {
      this.#fail("unreachable", `${target.address}: ${messageOf(error)}`);
      return;
    }
    this.#ws.on("error", (error) => this.#fault(error));
    this.#ws.on("unexpected-response", (request, response) => this.#refused(request, response));
    this.#ws.on("open", () => this.#open());
  }

  #connect(where: ConnectionOptions): TLSSocket {
    const { secureContext, session, keepSession } = this.#options;
    const socket = connect({
      ...(where.host === undefined ? {} : { host: where.host }),
      ...(where.port === undefined ? {} : { port: where.port }),
      secureContext,
      rejectUnauthorized: true,
      ...(session === undefined ? {} : { session: session.ticket }),
      // Peers are known by the node id in the certificate, not by the address they are found at.
      checkServerIdentity: () => undefined,
    });
    socket.setNoDelay(true);
    socket.on("session", (ticket) => {
      const peer = this.#peerOf(socket);
      if (peer !== undefined) keepSession({ ticket, peer });
    });
    this.#socket = socket;
    return socket;
  }

  #open(): void {
    const { target, identity } = this.#options;
    const ws = this.#ws;
    const socket = this.#socket;
    if (this.#done || ws === undefined || socket === undefined) return;
    const peer = this.#peerOf(socket);
    const unfit = peer === undefined ? "its certificate is not a node's" : misfit(peer, target);
    if (peer === undefined || unfit !== undefined) {
      // What is remembered of the peer may be out of date: the next dial asks for its certificate.
      this.#options.keepSession(undefined);
      this.#fail("forbidden", `${target.address}: ${unfit}`);
    } else if (peer.clusterId !== identity.clusterId) {
      this.#fail("forbidden", `${target.address} belongs to cluster ${peer.clusterId}`);
    } else {
      this.#finish();
      this.#options.opened(socket, ws, peer);
    }
  }

  #peerOf(socket: TLSSocket): PeerIdentity | undefined {
    if (socket.isSessionReused()) return this.#options.session?.peer;
    return subjectIdentity(socket.getPeerCertificate().subject ?? {});
  }

  #refused(request: ClientRequest, response: IncomingMessage): void {
    let body = "";
    const isRemoval = this.#isRemoval(response);
    response.setEncoding("utf8");
    response.on("data", (text: string) => {
      if (body.length < REFUSAL_BYTES_MAX) body += text.slice(0, REFUSAL_BYTES_MAX - body.length);
    });
    const told = () => {
      request.destroy();
      const reason = body || `status ${response.statusCode}`;
      this.#fail(refusalKind(response.statusCode), reason, isRemoval);
    };
    response.on("end", told);
    response.on("error", told);
  }

  /** Anybody may say so; only a manager of our cluster is believed. */
  #isRemoval(response: IncomingMessage): boolean {
    if (response.headers[REFUSED_HEADER] !== "removed" || this.#socket === undefined) return false;
    const peer = this.#peerOf(this.#socket);
    return peer?.role === "manager" && peer.clusterId === this.#options.identity.clusterId;
  }

  #fault(error: Error): void {
    const code = "code" in error && typeof error.code === "string" ? error.code : "";
    this.#fail(faultKind(code), `${this.#options.target.address}: ${messageOf(error)}`);
  }

  #fail(kind: LinkEnd["kind"], reason: string, isRemoval = false): void {
    if (!this.#finish()) return;
    this.#ws?.terminate();
    this.#socket?.destroy();
    const end: LinkEnd = isRemoval ? { kind, reason, cause: "removed" } : { kind, reason };
    setImmediate(() => this.#options.failed(end));
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#timer.cancel();
    return true;
  }
}

function misfit(peer: PeerIdentity, target: DialTarget): string | undefined {
  if (target.expect !== undefined && peer.nodeId !== target.expect) {
    return `node ${peer.nodeId} answers there, not ${target.expect}`;
  }
  if (target.expectRole !== undefined && peer.role !== target.expectRole) {
    return `node ${peer.nodeId} is a ${peer.role}, not a ${target.expectRole}`;
  }
  return undefined;
}

const REFUSAL_KINDS: Readonly<Record<number, LinkEnd["kind"]>> = {
  403: "forbidden",
  426: "version",
  503: "overflow",
};

function refusalKind(status: number | undefined): LinkEnd["kind"] {
  return REFUSAL_KINDS[status ?? 0] ?? "protocol";
}

const FAULT_KINDS: Readonly<Record<string, LinkEnd["kind"]>> = {
  ECONNREFUSED: "refused",
  ETIMEDOUT: "timeout",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  ENETDOWN: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  EACCES: "unreachable",
  EPERM: "unreachable",
  EINVAL: "unreachable",
  ENOTFOUND: "unreachable",
  EAI_AGAIN: "unreachable",
  EMFILE: "unreachable",
  ENFILE: "unreachable",
  ECONNRESET: "closed",
  EPIPE: "closed",
};
/** What OpenSSL says when one side does not trust the other's certificate. */
const DISTRUST =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|INVALID_PURPOSE)|CERTIFICATE|UNKNOWN_CA/;

function faultKind(code: string): LinkEnd["kind"] {
  const known = FAULT_KINDS[code];
  if (known !== undefined) return known;
  return DISTRUST.test(code) ? "forbidden" : "protocol";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
