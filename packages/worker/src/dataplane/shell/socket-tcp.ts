/** TCP by `net.Socket`: where bare handles are not to be had. */
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { KEEP_ALIVE_AFTER_MS, LISTEN_BACKLOG_MAX, SPLICE_QUEUE_BYTES_MAX } from "../../limits.ts";
import type { Conn, ConnEvents, Tcp } from "./conn.ts";
import { DEAF } from "./conn.ts";

export const socketTcp: Tcp = {
  connect: (host, port, done) => {
    let open = true;
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const refused = (error: Error): void => {
      if (open) done({ error: error.message });
      open = false;
    };
    socket.on("error", refused);
    socket.once("connect", () => {
      if (!open) return;
      open = false;
      done(new SocketConn(socket));
    });
    return {
      cancel: () => {
        open = false;
        socket.destroy();
      },
    };
  },
  listen: (at, events) => {
    // Paused: not a byte is read before somebody listens.
    const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true };
    const keep = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS };
    const server = createServer({ ...options, ...keep }, (socket) =>
      events.accepted(new SocketConn(socket)),
    );
    server.once("listening", () => events.listening());
    server.on("error", (error) => events.failed(error.message));
    server.listen({ ...at, backlog: LISTEN_BACKLOG_MAX, exclusive: true });
    return { close: () => void server.close() };
  },
};

class SocketConn implements Conn {
  readonly #socket: Socket;
  #events: ConnEvents = DEAF;
  #error: string | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("end", () => this.#events.end());
    socket.on("drain", () => this.#events.drained());
    socket.on("error", (error) => {
      this.#error = error.message;
    });
    socket.once("close", () => {
      const unread = socket.readableEnded ? undefined : "closed";
      const events = this.#events;
      this.#events = DEAF;
      events.closed(this.#error ?? unread);
    });
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten;
  }

  listen(events: ConnEvents): void {
    if (this.#events === DEAF) {
      this.#socket.on("data", (chunk: Buffer) => this.#events.data(chunk));
      this.#socket.pause();
    }
    this.#events = events;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    this.#socket.write(bytes);
    return this.#socket.writableLength <= SPLICE_QUEUE_BYTES_MAX;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  peer(): { readonly address: string; readonly port: number } {
    const { remoteAddress = "", remotePort = 0 } = this.#socket;
    return { address: remoteAddress.replace(/^::ffff:/, ""), port: remotePort };
  }
}
