/** TCP by Node's bare handles (tcp-binding.ts). */
import type { Server } from "node:net";
import { createServer } from "node:net";
import { getSystemErrorName } from "node:util";
import { KEEP_ALIVE_AFTER_MS, LISTEN_BACKLOG_MAX, SPLICE_QUEUE_BYTES_MAX } from "../../limits.ts";
import type { Conn, ConnEvents, Dial, ListenAt, ListenEvents, Listening, Tcp } from "./conn.ts";
import { DEAF } from "./conn.ts";
import type { TcpBinding, TcpHandle, WriteRequest } from "./tcp-binding.ts";
import { END_OF_FILE } from "./tcp-binding.ts";

export function rawTcp(binding: TcpBinding): Tcp {
  return {
    connect: (host, port, done) => connect(binding, { host, port }, done),
    listen: (at, events) => listen(binding, at, events),
  };
}

function connect(
  binding: TcpBinding,
  to: { readonly host: string; readonly port: number },
  done: (result: Conn | { readonly error: string }) => void,
): Dial {
  const handle = binding.newSocket();
  const request = binding.newConnect();
  let open = true;
  const finish = (status: number): void => {
    if (!open) return;
    open = false;
    if (status === 0) {
      handle.setNoDelay(true);
      return done(new RawConn(binding, handle));
    }
    handle.close();
    const name = getSystemErrorName(status);
    done({ error: `connect ${name} ${to.host}:${to.port}` });
  };
  request.oncomplete = finish;
  const status = handle.connect(request, to.host, to.port);
  // Never from within the call: who dials has not got the answer to it yet.
  if (status !== 0) setImmediate(() => finish(status));
  return {
    cancel: () => {
      if (!open) return;
      open = false;
      handle.close();
    },
  };
}

/** A server of `net` does the binding; what it accepts is taken before it makes sockets of it. */
function listen(binding: TcpBinding, at: ListenAt, events: ListenEvents): Listening {
  const server = createServer({ pauseOnConnect: true }, (socket) => socket.destroy());
  server.once("listening", () => {
    takeOver(binding, server, events);
    events.listening();
  });
  server.on("error", (error) => events.failed(error.message));
  server.listen({ ...at, backlog: LISTEN_BACKLOG_MAX, exclusive: true });
  return { close: () => void server.close() };
}

function takeOver(binding: TcpBinding, server: Server, events: ListenEvents): void {
  // The cast: `_handle` has no type; that it is one of these is why this file is used at all.
  const handle = Reflect.get(server, "_handle") as TcpHandle;
  // Accepted sockets inherit both from the listening one: no system call for each.
  handle.setNoDelay(true);
  handle.setKeepAlive(true, KEEP_ALIVE_AFTER_MS / 1000);
  handle.onconnection = (status, client) => {
    if (status === 0 && client !== undefined) events.accepted(new RawConn(binding, client));
  };
}

class RawConn implements Conn {
  bytesRead = 0;
  bytesWritten = 0;
  readonly #binding: TcpBinding;
  readonly #handle: TcpHandle;
  #events: ConnEvents = DEAF;
  #queued = 0;
  #full = false;
  #reading = false;
  #endAsked = false;
  #endSent = false;
  #gotEnd = false;
  #closed = false;

  constructor(binding: TcpBinding, handle: TcpHandle) {
    this.#binding = binding;
    this.#handle = handle;
    handle.onread = (buffer) => this.#read(buffer);
  }

  listen(events: ConnEvents): void {
    this.#events = events;
  }

  pause(): void {
    if (!this.#reading || this.#closed) return;
    this.#reading = false;
    this.#handle.readStop();
  }

  resume(): void {
    if (this.#reading || this.#closed || this.#gotEnd) return;
    this.#reading = true;
    this.#handle.readStart();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#endAsked) return true;
    this.bytesWritten += bytes.length;
    const request = this.#binding.newWrite();
    request.handle = this.#handle;
    const status = this.#handle.writeBuffer(request, bytes);
    if (status !== 0) {
      this.#finish(getSystemErrorName(status));
      return true;
    }
    if (!this.#binding.lastWriteWasAsync()) return true;
    this.#await(request, bytes);
    return !this.#full;
  }

  end(): void {
    if (this.#closed || this.#endAsked) return;
    this.#endAsked = true;
    const request = this.#binding.newShutdown();
    request.oncomplete = () => {
      this.#endSent = true;
      if (this.#gotEnd) this.#finish(undefined);
    };
    if (this.#handle.shutdown(request) !== 0) this.#finish("ENOTCONN");
  }

  destroy(): void {
    this.#finish(undefined);
  }

  reset(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Refused while a shutdown is under way.
    if (this.#handle.reset() !== 0) this.#handle.close();
    this.#tell("reset");
  }

  peer(): { readonly address: string; readonly port: number } {
    const into: { address?: string; port?: number } = {};
    if (!this.#closed) this.#handle.getpeername(into);
    const { address = "", port = 0 } = into;
    return { address: address.startsWith("::ffff:") ? address.slice(7) : address, port };
  }

  #read(buffer: ArrayBuffer | undefined): void {
    const count = this.#binding.lastRead();
    if (count > 0 && buffer !== undefined) {
      this.bytesRead += count;
      this.#events.data(Buffer.from(buffer, this.#binding.lastOffset(), count));
    } else if (count === END_OF_FILE) {
      this.pause();
      this.#gotEnd = true;
      this.#events.end();
      if (this.#endSent) this.#finish(undefined);
    } else if (count < 0) {
      this.#finish(getSystemErrorName(count));
    }
  }

  #await(request: WriteRequest, bytes: Uint8Array): void {
    request.buffer = bytes;
    this.#queued += bytes.length;
    this.#full ||= this.#queued > SPLICE_QUEUE_BYTES_MAX;
    request.oncomplete = (status) => {
      this.#queued -= bytes.length;
      if (this.#closed) return;
      if (status !== 0) return this.#finish(getSystemErrorName(status));
      if (!this.#full || this.#queued > SPLICE_QUEUE_BYTES_MAX / 2) return;
      this.#full = false;
      this.#events.drained();
    };
  }

  #finish(error: string | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle.close();
    this.#tell(error);
  }

  #tell(error: string | undefined): void {
    const events = this.#events;
    this.#events = DEAF;
    events.closed(error);
  }
}
