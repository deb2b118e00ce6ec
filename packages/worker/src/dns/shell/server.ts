/** Answers DNS over UDP and TCP on the node's own address. Decides nothing about names. */
import type { RemoteInfo, Socket as UdpSocket } from "node:dgram";
import { createSocket } from "node:dgram";
import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import type { Log } from "@skein/common/io/log";
import {
  DNS_CONNECTIONS_MAX,
  DNS_IDLE_MS,
  DNS_TCP_BYTES_MAX,
  DNS_UDP_BYTES_MIN,
  OVERLAY_RETRY_MS,
} from "../../limits.ts";
import type { Answer, Query } from "../message.ts";
import { decodeQuery, encodeAnswer, encodeError } from "../message.ts";
import type { Forwarder } from "./forwarder.ts";

export interface DnsServerOptions {
  readonly address: string;
  readonly port: number;
  /** Undefined: not ours; it is forwarded. */
  readonly answer: (query: Query, source: string) => Answer | undefined;
  readonly forwarder: Forwarder;
  readonly log: Log;
  readonly count: (outcome: "answered" | "forwarded" | "refused" | "malformed") => void;
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #connections = new Set<Socket>();
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  #retry: NodeJS.Timeout | undefined;
  #told = false;
  #closed = false;

  constructor(options: DnsServerOptions) {
    this.#options = options;
    this.#openUdp();
    this.#openTcp();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#udp?.close();
    this.#tcp?.close();
    for (const socket of this.#connections) socket.destroy();
  }

  #openUdp(): void {
    const { address, port } = this.#options;
    const socket = createSocket("udp4");
    this.#udp = socket;
    socket.on("error", (error) => {
      socket.close();
      if (this.#udp === socket) this.#udp = undefined;
      this.#again(error, () => this.#openUdp());
    });
    socket.on("message", (bytes, from) => this.#datagram(socket, bytes, from));
    socket.bind({ address, port, exclusive: true });
  }

  #openTcp(): void {
    const { address, port } = this.#options;
    const server = createServer((socket) => this.#connection(socket));
    this.#tcp = server;
    server.on("error", (error) => this.#again(error, () => this.#openTcp()));
    server.listen({ host: address, port, exclusive: true });
  }

  #again(error: Error, open: () => void): void {
    if (this.#closed) return;
    const { log, address, port } = this.#options;
    if (!this.#told)
      log.write("warn", "cannot answer DNS", { address, port, error: error.message });
    this.#told = true;
    this.#retry = setTimeout(open, OVERLAY_RETRY_MS * 4);
    this.#retry.unref();
  }

  #datagram(socket: UdpSocket, bytes: Uint8Array, from: RemoteInfo): void {
    this.#ask(bytes, from.address, {
      most: (query) => query.udpBytes ?? DNS_UDP_BYTES_MIN,
      reply: (answer) => {
        if (!this.#closed) socket.send(answer, from.port, from.address, () => undefined);
      },
    });
  }

  /** Messages with their length in front; a client may send several at once. */
  #connection(socket: Socket): void {
    if (this.#connections.size >= DNS_CONNECTIONS_MAX) return void socket.destroy();
    this.#connections.add(socket);
    let pending = Buffer.alloc(0);
    socket.setTimeout(DNS_IDLE_MS, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("close", () => this.#connections.delete(socket));
    const source = socket.remoteAddress ?? "";
    socket.on("data", (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const message = pending.subarray(2, end);
        pending = pending.subarray(end);
        this.#ask(message, source, {
          most: () => DNS_TCP_BYTES_MAX,
          reply: (answer) => writeFramed(socket, answer),
        });
      }
    });
  }

  #ask(
    bytes: Uint8Array,
    source: string,
    back: { most(query: Query): number; reply(answer: Uint8Array): void },
  ): void {
    const { answer: decide, forwarder, count } = this.#options;
    const query = decodeQuery(bytes);
    if (!query.ok) {
      count("malformed");
      // Nothing that answers an answer: two servers would talk for ever.
      if (bytes.length >= 3 && ((bytes[2] ?? 0) & 0x80) !== 0) return;
      return back.reply(encodeError(query.error.id, query.error.rcode));
    }
    const most = back.most(query.value);
    const answer = decide(query.value, source);
    if (answer !== undefined) {
      count("answered");
      return back.reply(encodeAnswer(query.value, answer, most));
    }
    const refused = (rcode: "refused" | "servfail"): void => {
      count("refused");
      const none = { answers: [], authority: [], additional: [] };
      back.reply(encodeAnswer(query.value, { rcode, authoritative: false, ...none }, most));
    };
    // Who wants no recursion asks for what we know ourselves: that is nothing.
    if (!query.value.recursionDesired) return refused("refused");
    forwarder.ask(bytes, most, (outcome) => {
      if (outcome === undefined) return refused("servfail");
      count("forwarded");
      back.reply(outcome);
    });
  }
}

function writeFramed(socket: Socket, answer: Uint8Array): void {
  if (socket.destroyed) return;
  const framed = Buffer.alloc(2 + answer.length);
  framed.writeUInt16BE(answer.length, 0);
  framed.set(answer, 2);
  socket.write(framed);
}
