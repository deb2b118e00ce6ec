/**
 * The listening side: TLS 1.3 with client certificates, upgrade to a WebSocket, refusals that say
 * why.
 *
 * A stranger without a valid certificate finishes the TLS handshake, so that it can be told in
 * words why it is refused, and gets nothing but that: every answer goes through `authorize` first.
 * Until then it counts against HANDSHAKES_MAX and has DIAL_TIMEOUT_MS.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { type WebSocket, WebSocketServer } from "ws";
import type { Accept, LinkEnd, LinkPath, LinkReceiver, PeerIdentity } from "../io/network.ts";
import {
  CA_REQUEST_BYTES_MAX,
  CA_REQUESTS_MAX,
  DIAL_TIMEOUT_MS,
  HANDSHAKES_MAX,
  LINKS_PER_PEER_MAX,
  REFUSAL_BYTES_MAX,
} from "../limits.ts";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import { readBody } from "./http-server.ts";
import type { NodeIdentity } from "./identity.ts";
import { subjectIdentity } from "./identity.ts";
import { ADDRESS_HEADER, PROTOCOL_HEADER, REFUSED_HEADER } from "./link-dial.ts";
import { Strangers } from "./strangers.ts";
import { clipBytes, WS_OPTIONS } from "./ws-link.ts";

export interface Opening {
  readonly peer: PeerIdentity;
  readonly peerHost: string;
  readonly remote: string;
  readonly path: LinkPath;
  readonly socket: TLSSocket;
  readonly ws: WebSocket;
  readonly receiver: LinkReceiver;
  /** To be called once when the link has ended. */
  readonly released: () => void;
}

/** A request on `/ca`: the one thing a stranger may ask. */
export interface CaCall {
  readonly method: string;
  /** "/ca/root", "/ca/join", "/ca/renew". */
  readonly path: string;
  readonly body: Buffer;
  /** Undefined: a stranger, or a certificate that proves nothing. */
  readonly peer: PeerIdentity | undefined;
  readonly remote: string;
}

export interface CaReply {
  readonly status: number;
  readonly type: "application/json" | "text/plain";
  readonly text: string;
}

export type CaService = (call: CaCall) => Promise<CaReply>;

/** What the cluster's store says of nodes, beyond what their certificates prove. */
export interface Standing {
  /** Removed nodes: their certificates open nothing. */
  readonly removed: ReadonlySet<string>;
  /** Nodes that are workers now, whatever their certificates say. */
  readonly demoted: ReadonlySet<string>;
}

export const NO_STANDING: Standing = { removed: new Set(), demoted: new Set() };

export interface ListenerOptions {
  readonly identity: NodeIdentity;
  readonly standing: () => Standing;
  /** Absent: nothing is served at `/ca` here. */
  readonly ca: CaService | undefined;
  readonly accept: Partial<Record<LinkPath, Accept>>;
  readonly protocol: number;
  readonly isCut: (host: string) => boolean;
  readonly opened: (opening: Opening) => void;
  readonly refused: (cause: RefusalCause, detail: Readonly<Record<string, unknown>>) => void;
}

export type RefusalCause =
  | "handshake"
  | "handshakes-full"
  | "certificate"
  | "cluster"
  | "removed"
  | "version"
  | "path"
  | "links-full"
  | "not-upgrade"
  | "accept"
  | "ca-full"
  | "cut";

interface Refusal {
  readonly status: 400 | 403 | 404 | 426 | 503;
  readonly cause: RefusalCause;
  readonly reason: string;
}

const STATUS_TEXT: Readonly<Record<Refusal["status"], string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  426: "Upgrade Required",
  503: "Service Unavailable",
};

export class LinkListener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #upgrader = new WebSocketServer({
    ...WS_OPTIONS,
    noServer: true,
    clientTracking: false,
  });
  readonly #strangers = new Strangers();
  readonly #linksByPeer = new Map<string, number>();
  #caCalls = 0;
  #identity: NodeIdentity;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#identity = options.identity;
    this.#server = createServer({
      ...serverContext(options.identity),
      requestCert: true,
      // Judged by `authorize`, which tells the peer the reason.
      rejectUnauthorized: false,
      handshakeTimeout: DIAL_TIMEOUT_MS,
      headersTimeout: DIAL_TIMEOUT_MS,
      requestTimeout: DIAL_TIMEOUT_MS,
      connectionsCheckingInterval: 500,
      maxHeaderSize: 8192,
    });
    this.#server.on("connection", (socket: Socket) => this.#admit(socket));
    this.#server.on("tlsClientError", (error) => {
      this.#options.refused("handshake", { error: error.message });
    });
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on("request", (request, response) => this.#answer(request, response));
  }

  /** `ready` gets the system's error text when the address cannot be had. */
  listen(
    where: { readonly host: string; readonly port: number },
    ready: (error: string | undefined) => void,
  ): void {
    this.#server.once("error", (error) => ready(error.message));
    this.#server.listen(where, () => {
      this.#server.removeAllListeners("error");
      // Out of file descriptors while accepting, for one: the listener goes on.
      this.#server.on("error", (error) => {
        this.#options.refused("handshake", { error: error.message });
      });
      ready(undefined);
    });
  }

  port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  setIdentity(identity: NodeIdentity): void {
    this.#identity = identity;
    this.#server.setSecureContext(serverContext(identity));
  }

  close(): void {
    this.#server.close();
    this.#strangers.destroy();
  }

  #admit(socket: Socket): void {
    const closed = this.#strangers.admit(remoteOf(socket), socket, performance.now());
    if (closed !== undefined) {
      this.#options.refused("handshakes-full", { bound: HANDSHAKES_MAX, closed });
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const [path] = splitOnce(request.url ?? "/", "?");
    if (this.#options.ca !== undefined && path.startsWith("/ca/")) {
      void this.#answerCa(this.#options.ca, request, response);
      return;
    }
    const refusal = this.#authorize(request) ?? {
      status: 426,
      cause: "not-upgrade",
      reason: "This port takes WebSocket connections of the cluster's nodes only.",
    };
    this.#options.refused(refusal.cause, { remote: remoteOf(request.socket) });
    response.writeHead(refusal.status, {
      "Content-Type": "text/plain; charset=utf-8",
      Connection: "close",
    });
    response.end(`${refusal.reason}\n`);
  }

  async #answerCa(ca: CaService, request: IncomingMessage, response: ServerResponse) {
    const send = ({ status, type, text }: CaReply): void => {
      response.writeHead(status, { "Content-Type": type, Connection: "close" });
      response.end(text);
    };
    if (this.#caCalls >= CA_REQUESTS_MAX) {
      this.#options.refused("ca-full", { remote: remoteOf(request.socket) });
      return send(caRefusal(503, "unreachable", "too many nodes are joining: try again"));
    }
    this.#caCalls += 1;
    try {
      const body = await readBody(request, CA_REQUEST_BYTES_MAX);
      if (!body.ok) return send(caRefusal(body.error.status, "refused", body.error.message));
      const peer = this.#authorize(request) === undefined ? this.#peerOf(request) : undefined;
      const [path] = splitOnce(request.url ?? "/", "?");
      const remote = remoteOf(request.socket);
      send(await ca({ method: request.method ?? "", path, body: body.value, peer, remote }));
    } finally {
      this.#caCalls -= 1;
    }
  }

  #peerOf(request: IncomingMessage): PeerIdentity | undefined {
    if (!(request.socket instanceof TLSSocket)) return undefined;
    const peer = peerOf(request.socket);
    const isDemoted = peer !== undefined && this.#options.standing().demoted.has(peer.nodeId);
    return isDemoted ? { ...peer, role: "worker" } : peer;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const opening = this.#judge(request);
    if (opening.ok) {
      this.#open({ ...opening.value, request, head });
      return;
    }
    const refusal = opening.error;
    this.#options.refused(refusal.cause, {
      remote: remoteOf(request.socket),
      reason: refusal.reason,
    });
    // A cut wire answers nothing; the dialler runs into its own deadline.
    if (refusal.cause === "cut") setTimeout(() => socket.destroy(), 2 * DIAL_TIMEOUT_MS).unref();
    else refuse(socket, refusal, this.#options.protocol);
  }

  #judge(request: IncomingMessage): Result<Omit<Opening, "ws" | "released">, Refusal> {
    const socket = request.socket;
    const refusal = this.#authorize(request);
    if (refusal !== undefined) return fail(refusal);
    const peer = this.#peerOf(request);
    if (peer === undefined || !(socket instanceof TLSSocket)) return fail(notANode());
    const header = request.headers[ADDRESS_HEADER];
    const peerHost = typeof header === "string" ? header : (socket.remoteAddress ?? "");
    if (this.#options.isCut(peerHost)) return fail({ ...notANode(), cause: "cut" });
    const refused = this.#judgeRequest(request, peer);
    if (refused !== undefined) return fail(refused);
    const [pathname, query] = splitOnce(request.url ?? "/", "?");
    // The cast: a path that is no key of the table gives undefined, which is handled.
    const path = pathname as LinkPath;
    const accept = Object.hasOwn(this.#options.accept, path)
      ? this.#options.accept[path]
      : undefined;
    if (accept === undefined) {
      return fail({ status: 404, cause: "path", reason: `Nothing is served at ${path} here.` });
    }
    const receiver = accept(peer, new URLSearchParams(query));
    if (typeof receiver === "string") {
      return fail({ status: 403, cause: "accept", reason: receiver });
    }
    return ok({ peer, peerHost, remote: remoteOf(socket), path, socket, receiver });
  }

  #judgeRequest(request: IncomingMessage, peer: PeerIdentity): Refusal | undefined {
    const { protocol } = this.#options;
    const spoken = request.headers[PROTOCOL_HEADER];
    if (spoken !== String(protocol)) {
      const reason = `This node speaks protocol ${protocol}, not ${String(spoken ?? "none")}.`;
      return { status: 426, cause: "version", reason };
    }
    if ((this.#linksByPeer.get(peer.nodeId) ?? 0) < LINKS_PER_PEER_MAX) return undefined;
    const reason = `Node ${peer.nodeId} has ${LINKS_PER_PEER_MAX} links to this port already.`;
    return { status: 503, cause: "links-full", reason };
  }

  /** The one gate: a certificate of our root, of a node, of our cluster. */
  #authorize(request: IncomingMessage): Refusal | undefined {
    const socket = request.socket;
    if (!(socket instanceof TLSSocket)) return notANode();
    if (!socket.authorized) {
      const cause = socket.authorizationError;
      const code = cause instanceof Error ? cause.message : String(cause ?? "none");
      const reason = `Cannot trust the client certificate: ${code}.`;
      return { status: 403, cause: "certificate", reason };
    }
    const peer = peerOf(socket);
    if (peer === undefined) return notANode();
    const own = this.#identity.clusterId;
    if (this.#options.standing().removed.has(peer.nodeId)) {
      const reason = `Node ${peer.nodeId} was removed from the cluster.`;
      return { status: 403, cause: "removed", reason };
    }
    if (peer.clusterId === own) return undefined;
    const reason = `This node belongs to cluster ${own}, not ${peer.clusterId}.`;
    return { status: 403, cause: "cluster", reason };
  }

  #open(
    opening: Omit<Opening, "ws" | "released"> & {
      readonly request: IncomingMessage;
      readonly head: Buffer;
    },
  ): void {
    const { request, head, socket, peer } = opening;
    let upgraded = false;
    const count = this.#linksByPeer.get(peer.nodeId) ?? 0;
    this.#linksByPeer.set(peer.nodeId, count + 1);
    const released = () => this.#release(peer.nodeId);
    const never = () => {
      if (upgraded) return;
      upgraded = true;
      released();
      const end: LinkEnd = { kind: "closed", reason: "the connection was lost while it opened" };
      setImmediate(() => opening.receiver.closed(end));
    };
    socket.once("close", never);
    this.#upgrader.handleUpgrade(request, socket, head, (ws) => {
      upgraded = true;
      socket.removeListener("close", never);
      this.#strangers.settled(remoteOf(socket));
      this.#options.opened({ ...opening, ws, released });
    });
  }

  #release(peer: string): void {
    const left = (this.#linksByPeer.get(peer) ?? 1) - 1;
    if (left > 0) this.#linksByPeer.set(peer, left);
    else this.#linksByPeer.delete(peer);
  }
}

export function caRefusal(status: number, code: string, message: string): CaReply {
  return { status, type: "application/json", text: JSON.stringify({ code, message }) };
}

export function serverContext(identity: NodeIdentity) {
  return {
    ca: identity.caPem,
    cert: identity.certificatePem,
    key: identity.privateKeyPem,
    minVersion: "TLSv1.3",
  } as const;
}

function peerOf(socket: TLSSocket): PeerIdentity | undefined {
  return subjectIdentity(socket.getPeerCertificate().subject ?? {});
}

function notANode(): Refusal {
  return { status: 403, cause: "certificate", reason: "The client certificate is not a node's." };
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? "?"}`;
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function refuse(socket: Duplex, refusal: Refusal, protocol: number): void {
  const body = clipBytes(refusal.reason, REFUSAL_BYTES_MAX);
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_TEXT[refusal.status]}`,
    `${PROTOCOL_HEADER}: ${protocol}`,
    `${REFUSED_HEADER}: ${refusal.cause}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), DIAL_TIMEOUT_MS).unref();
}
