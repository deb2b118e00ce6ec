/** Listening sockets of published ports and the client connections they take. Decides nothing. */
import { closeSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import type { Log } from "@skein/common/io/log";
import { KEEP_ALIVE_AFTER_MS, LISTEN_BACKLOG_MAX } from "../../limits.ts";
import type { ConnectTarget } from "../connections.ts";
import type { DataPlaneInput } from "../dataplane.ts";
import type { StreamDialer } from "./stream-dialer.ts";
import type { Upstream } from "./upstream.ts";
import { openUpstream } from "./upstream.ts";

interface Client {
  readonly socket: Socket;
  readonly publishedPort: number;
  attempt: number;
  upstream: Upstream | undefined;
  /** Bytes already reported. */
  bytesIn: number;
  bytesOut: number;
}

export interface IngressOptions {
  /** The node's own address, on which every published port is served. */
  readonly address: string;
  readonly dialer: StreamDialer;
  readonly log: Log;
  /** Ids shared with the stream server. */
  readonly nextId: () => number;
  readonly submit: (input: DataPlaneInput) => void;
}

export class Ingress {
  readonly #options: IngressOptions;
  readonly #own = new Map<number, Server>();
  readonly #handed = new Map<number, Server>();
  readonly #clients = new Map<number, Client>();

  constructor(options: IngressOptions) {
    this.#options = options;
  }

  open(publishedPort: number): void {
    const server = this.#server(publishedPort);
    this.#own.set(publishedPort, server);
    const current = (): boolean => this.#own.get(publishedPort) === server;
    server.once("listening", () => {
      if (current()) this.#options.submit({ kind: "port-opened", publishedPort });
    });
    server.on("error", (error) => {
      if (!current()) return;
      this.#own.delete(publishedPort);
      server.close();
      this.#options.submit({ kind: "port-failed", publishedPort, error: error.message });
    });
    const { address: host } = this.#options;
    server.listen({ host, port: publishedPort, backlog: LISTEN_BACKLOG_MAX, exclusive: true });
  }

  close(publishedPort: number): void {
    this.#own.get(publishedPort)?.close();
    this.#own.delete(publishedPort);
  }

  /** Serves a listening socket that the launcher bound; it is ours from here on. */
  adopt(publishedPort: number, fd: number): void {
    const server = this.#server(publishedPort);
    this.#handed.set(publishedPort, server);
    server.on("error", (error) => {
      const fields = { publishedPort, error: error.message };
      this.#options.log.write("warn", "Cannot serve the handed socket", fields);
    });
    server.listen({ fd });
  }

  closeHanded(publishedPort: number): void {
    this.#handed.get(publishedPort)?.close();
    this.#handed.delete(publishedPort);
  }

  drop(fd: number): void {
    try {
      closeSync(fd);
    } catch (error) {
      this.#options.log.write("warn", "Cannot close a handed socket", { fd, error });
    }
  }

  connect(id: number, attempt: number, target: ConnectTarget): void {
    const client = this.#clients.get(id);
    if (client === undefined) return;
    client.attempt = attempt;
    client.upstream = openUpstream(this.#options.dialer, target, (error) => {
      if (error !== undefined) client.upstream = undefined;
      const kind = error === undefined ? "connected" : "connect-failed";
      this.#options.submit({ kind, id, attempt });
    });
  }

  abort(id: number, attempt: number): void {
    const client = this.#clients.get(id);
    if (client?.attempt !== attempt) return;
    client.upstream?.abort();
    client.upstream = undefined;
  }

  pipe(id: number): void {
    const client = this.#clients.get(id);
    client?.upstream?.join(client.socket);
  }

  reject(id: number): void {
    this.#clients.get(id)?.socket.resetAndDestroy();
  }

  /** Reports the bytes of connections that are still open, for the figures. */
  reportBytes(): void {
    for (const client of this.#clients.values()) this.#reportBytesOf(client);
  }

  shut(): void {
    for (const server of [...this.#own.values(), ...this.#handed.values()]) server.close();
    this.#own.clear();
    this.#handed.clear();
    for (const client of this.#clients.values()) {
      client.upstream?.abort();
      client.socket.resetAndDestroy();
    }
  }

  #server(publishedPort: number): Server {
    // Paused: not a byte is read before a backend answered.
    const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true };
    const keep = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS };
    return createServer({ ...options, ...keep }, (socket) => this.#accept(publishedPort, socket));
  }

  #accept(publishedPort: number, socket: Socket): void {
    const id = this.#options.nextId();
    const client: Client = {
      socket,
      publishedPort,
      attempt: 0,
      upstream: undefined,
      bytesIn: 0,
      bytesOut: 0,
    };
    this.#clients.set(id, client);
    // What an error means is told by `close`; without a listener it would end the thread.
    socket.on("error", () => undefined);
    socket.once("close", () => this.#closed(id, client));
    this.#options.submit({ kind: "connection", id, publishedPort });
  }

  #closed(id: number, client: Client): void {
    this.#reportBytesOf(client);
    this.#options.submit({ kind: "closed", id });
    this.#clients.delete(id);
  }

  #reportBytesOf(client: Client): void {
    const bytesIn = client.socket.bytesRead - client.bytesIn;
    const bytesOut = client.socket.bytesWritten - client.bytesOut;
    if (bytesIn === 0 && bytesOut === 0) return;
    client.bytesIn += bytesIn;
    client.bytesOut += bytesOut;
    const { publishedPort } = client;
    this.#options.submit({ kind: "carried", publishedPort, bytesIn, bytesOut });
  }
}
