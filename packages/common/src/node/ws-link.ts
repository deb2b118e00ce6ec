/**
 * One link: a WebSocket over an established TLS socket, on either side.
 *
 * Invariants:
 *   W1. The receiver's `closed` is called exactly once, and nothing is called after it.
 *   W2. The receiver is never called from within `send` or `close`.
 *   W3. Queued bytes stay below LINK_QUEUE_BYTES_MAX; at the bound the link ends, no message is
 *       skipped.
 */
import type { TLSSocket } from "node:tls";
import type { RawData, WebSocket } from "ws";
import type { Link, LinkEnd, LinkReceiver, PeerIdentity } from "../io/network.ts";
import {
  LINK_CLOSE_TIMEOUT_MS,
  LINK_PING_AFTER_MS,
  LINK_QUEUE_BYTES_MAX,
  LINK_SILENCE_MAX_MS,
  MESSAGE_BYTES_MAX,
} from "../limits.ts";
import type { Instant } from "../time.ts";

export interface LinkTraffic {
  messagesSent: number;
  bytesSent: number;
  messagesReceived: number;
  bytesReceived: number;
}

export interface WsLinkOptions {
  readonly peer: PeerIdentity;
  readonly remote: string;
  /** Host part of the peer's own address: what a cut names. */
  readonly peerHost: string;
  readonly socket: TLSSocket;
  readonly ws: WebSocket;
  readonly receiver: LinkReceiver;
  readonly traffic: LinkTraffic;
  readonly now: Instant;
  readonly ended: (link: WsLink, end: LinkEnd) => void;
}

/** As an experiment has it: both ways, none, or from here to the peer alone. */
export type Wire = "whole" | "cut" | "deaf";

/** Options of every WebSocket, client and server alike. */
export const WS_OPTIONS = {
  perMessageDeflate: false,
  maxPayload: MESSAGE_BYTES_MAX,
  skipUTF8Validation: true,
  closeTimeout: LINK_CLOSE_TIMEOUT_MS,
} as const;

/** Messages below this are gathered into one TLS record and one system call per turn. */
const CORK_BELOW_BYTES = 16 * 1024;
const CLOSE_NORMAL = 1000;
const CLOSE_UNSUPPORTED = 1003;
const CLOSE_UNSAID = 1006;
/** A close frame has 125 bytes, two of them for the code. */
const CLOSE_REASON_BYTES_MAX = 123;
const PROTOCOL_CODES: ReadonlySet<number> = new Set([1002, CLOSE_UNSUPPORTED, 1007, 1009]);

export class WsLink implements Link {
  readonly peer: PeerIdentity;
  readonly remote: string;
  readonly peerHost: string;
  readonly #socket: TLSSocket;
  readonly #ws: WebSocket;
  readonly #receiver: LinkReceiver;
  readonly #traffic: LinkTraffic;
  readonly #ended: (link: WsLink, end: LinkEnd) => void;
  #end: LinkEnd | undefined;
  #corked = false;
  #wire: Wire = "whole";
  /** Messages kept back while the link is cut, as a network would keep them for sending again. */
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #heard = false;
  #asked = false;
  #silentSince: number;

  constructor(options: WsLinkOptions) {
    this.peer = options.peer;
    this.remote = options.remote;
    this.peerHost = options.peerHost;
    this.#socket = options.socket;
    this.#ws = options.ws;
    this.#receiver = options.receiver;
    this.#traffic = options.traffic;
    this.#ended = options.ended;
    this.#silentSince = options.now;
    this.#socket.setNoDelay(true);
    this.#listen();
  }

  send(bytes: Uint8Array): boolean {
    if (this.#end !== undefined) return false;
    if (bytes.length > MESSAGE_BYTES_MAX) {
      return this.#refuse("protocol", `a message of ${bytes.length} bytes is too long`);
    }
    const queued = this.queuedBytes() + bytes.length;
    if (queued > LINK_QUEUE_BYTES_MAX) {
      return this.#refuse("overflow", `the peer does not read: ${queued} bytes queued`);
    }
    if (this.#held === undefined) {
      this.#write(bytes);
    } else {
      this.#held.push(bytes);
      this.#heldBytes += bytes.length;
    }
    return true;
  }

  queuedBytes(): number {
    return this.#ws.bufferedAmount + this.#heldBytes;
  }

  close(reason: string): void {
    if (this.#end !== undefined) return;
    const isCut = this.#wire !== "whole";
    this.#finish({ kind: "closed", reason });
    if (isCut) this.#ws.terminate();
    else this.#ws.close(CLOSE_NORMAL, clipBytes(reason, CLOSE_REASON_BYTES_MAX));
  }

  /** Ends the link at once, with whatever is queued. */
  abort(end: LinkEnd): void {
    this.#finish(end);
    this.#ws.terminate();
  }

  /** Cut: nothing is read or written. Deaf: nothing is read. Nothing is lost either way. */
  setWire(wire: Wire): void {
    if (this.#end !== undefined || wire === this.#wire) return;
    // What was cut off could not be heard: the silence counts anew.
    if (wire === "whole") this.#heard = true;
    this.#wire = wire;
    const held = this.#held ?? [];
    this.#held = wire === "cut" ? held : undefined;
    if (wire !== "cut") {
      this.#heldBytes = 0;
      for (const bytes of held) this.#write(bytes);
    }
    if (wire === "whole") this.#ws.resume();
    else this.#ws.pause();
  }

  /**
   * Called about every second. `stalledMs`: time in which this process itself did not run, which is
   * nobody's silence.
   */
  sweep(now: Instant, stalledMs: number): void {
    this.#silentSince += stalledMs;
    if (this.#heard) {
      this.#heard = false;
      this.#asked = false;
      this.#silentSince = now;
      return;
    }
    const silentMs = now - this.#silentSince;
    if (silentMs >= LINK_SILENCE_MAX_MS) {
      this.abort({ kind: "timeout", reason: `${this.remote} was silent for ${silentMs} ms` });
    } else if (silentMs >= LINK_PING_AFTER_MS && !this.#asked && this.#held === undefined) {
      this.#asked = true;
      this.#ws.ping();
    }
  }

  #listen(): void {
    this.#ws.on("message", (data, isBinary) => this.#take(data, isBinary));
    this.#ws.on("ping", () => this.#hear());
    this.#ws.on("pong", () => this.#hear());
    // Who breaks the protocol is told, but its farewell is not waited for: it may never come.
    this.#ws.on("error", (error) => {
      this.#finish(endOf(CLOSE_UNSAID, Buffer.alloc(0), error));
      this.#socket.destroySoon();
    });
    this.#ws.on("close", (code, reason) => this.#finish(endOf(code, reason, undefined)));
  }

  #hear(): void {
    this.#heard = true;
  }

  #take(data: RawData, isBinary: boolean): void {
    if (this.#end !== undefined) return;
    if (!isBinary || !(data instanceof Uint8Array)) {
      this.#finish({ kind: "protocol", reason: "a text message" });
      this.#ws.close(CLOSE_UNSUPPORTED);
      return;
    }
    this.#heard = true;
    this.#traffic.messagesReceived += 1;
    this.#traffic.bytesReceived += data.length;
    this.#receiver.message(data);
  }

  #write(bytes: Uint8Array): void {
    this.#traffic.messagesSent += 1;
    this.#traffic.bytesSent += bytes.length;
    if (!this.#corked && bytes.length < CORK_BELOW_BYTES) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#ws.send(bytes);
  }

  #refuse(kind: LinkEnd["kind"], reason: string): false {
    this.abort({ kind, reason });
    return false;
  }

  #finish(end: LinkEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#held = undefined;
    this.#heldBytes = 0;
    this.#ended(this, end);
    // W2: `send` and `close` come here.
    setImmediate(() => this.#receiver.closed(end));
  }
}

/** At most `max` bytes of UTF-8, never half a character. */
export function clipBytes(text: string, max: number): string {
  let bytes = Buffer.from(text);
  if (bytes.length <= max) return text;
  bytes = bytes.subarray(0, max);
  return bytes.toString("utf8").replace(/\uFFFD+$/u, "");
}

function endOf(code: number, reason: Buffer, error: Error | undefined): LinkEnd {
  const text = error?.message ?? reason.toString("utf8");
  const broken = error !== undefined && "code" in error && String(error.code).startsWith("WS_ERR_");
  if (broken || PROTOCOL_CODES.has(code))
    return { kind: "protocol", reason: text || `code ${code}` };
  if (code === CLOSE_NORMAL) return { kind: "closed", reason: text };
  return { kind: "closed", reason: text || "the connection was lost" };
}
