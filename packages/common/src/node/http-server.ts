/** HTTP on a unix socket: the Engine API's ground. Routes and meanings are the caller's. */
import { chmodSync, renameSync, rmSync, statSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import {
  API_BACKLOG_MAX,
  API_CONNECTIONS_MAX,
  API_HEADERS_TIMEOUT_MS,
  API_KEEP_ALIVE_MS,
  SOCKET_PATH_BYTES_MAX,
} from "../limits.ts";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";

export interface UnixServerOptions {
  /** Absolute path of the socket. Taken over atomically when another process serves it. */
  readonly path: string;
  readonly handler: RequestListener;
  /** Without it, an upgrade request is answered by `handler` like any other. */
  readonly onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Of the socket file; 0600 unless told otherwise. */
  readonly mode?: number;
}

export interface UnixServer {
  /** Serves one more connection that came another way, such as a forwarded one. */
  accept(stream: Duplex): void;
  /**
   * Stops listening, ends every connection, removes the file unless another process has taken it.
   */
  close(): Promise<void>;
}

export interface ListenError {
  readonly code: "path-too-long" | "listen-failed";
  readonly reason: string;
}

export interface BodyError {
  readonly code: "body-too-large" | "body-aborted";
  readonly status: 413 | 400;
  readonly message: string;
}

/**
 * Listens beside the path and renames over it, so that a client finds a listening socket there at
 * every instant of a handover.
 */
export async function serveUnix(
  options: UnixServerOptions,
): Promise<Result<UnixServer, ListenError>> {
  const beside = besidePath(options.path);
  const bytes = Math.max(Buffer.byteLength(options.path), Buffer.byteLength(beside));
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    const limit = `${bytes} bytes, at most ${SOCKET_PATH_BYTES_MAX} are possible`;
    return fail({ code: "path-too-long", reason: `Cannot listen on ${options.path}: ${limit}` });
  }
  const server = makeServer(options);
  let inode: number;
  try {
    await listen(server, beside);
    chmodSync(beside, options.mode ?? 0o600);
    inode = statSync(beside).ino;
    renameSync(beside, options.path);
  } catch (error) {
    server.close();
    rmSync(beside, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    return fail({ code: "listen-failed", reason: `Cannot listen on ${options.path}: ${reason}` });
  }
  return ok(unixServer(server, { path: options.path, inode }));
}

export interface StreamServer {
  /** Serves a connection that came another way than through a listener of ours. */
  accept(stream: Duplex): void;
  close(): void;
}

/** HTTP on streams that somebody hands over: what comes from other nodes over links. */
export function serveStreams(
  options: Pick<UnixServerOptions, "handler" | "onUpgrade">,
): StreamServer {
  const server = makeServer(options);
  const streams = new Set<Duplex>();
  return {
    accept: (stream) => {
      streams.add(stream);
      stream.once("close", () => streams.delete(stream));
      server.emit("connection", stream);
    },
    close: () => {
      for (const stream of streams) stream.destroy();
    },
  };
}

/** Reads a whole request body. After an error the caller answers and nothing more is read. */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Result<Buffer, BodyError>> {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > maxBytes) return Promise.resolve(tooLarge(maxBytes));
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else {
        chunks.length = 0;
        request.pause();
        resolve(tooLarge(maxBytes));
      }
    });
    request.on("end", () => resolve(ok(Buffer.concat(chunks))));
    const aborted = () => {
      const message = "the request ended before its body did";
      resolve(fail({ code: "body-aborted", status: 400, message }));
    };
    request.on("error", aborted);
    request.on("close", aborted);
  });
}

/** The media type exactly as Docker's clients compare it: no charset. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": body.length });
  response.end(body);
}

/** Docker's form of an error: `{"message": "…"}`. */
export function sendError(response: ServerResponse, status: number, message: string): void {
  // What is unread of a refused body would be taken for the next request.
  if (!response.req.complete) response.setHeader("Connection", "close");
  sendJson(response, status, { message });
}

function makeServer(options: Pick<UnixServerOptions, "handler" | "onUpgrade">): Server {
  const server = createServer(
    {
      headersTimeout: API_HEADERS_TIMEOUT_MS,
      keepAliveTimeout: API_KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1000,
    },
    options.handler,
  );
  server.maxConnections = API_CONNECTIONS_MAX;
  if (options.onUpgrade !== undefined) server.on("upgrade", options.onUpgrade);
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });
  return server;
}

function unixServer(
  server: Server,
  own: { readonly path: string; readonly inode: number },
): UnixServer {
  // Upgraded and adopted streams are no longer, or never were, the server's to close.
  const streams = new Set<Duplex>();
  const follow = (stream: Duplex) => {
    streams.add(stream);
    stream.once("close", () => streams.delete(stream));
  };
  server.on("connection", follow);
  return {
    accept: (stream) => {
      server.emit("connection", stream);
    },
    close: () =>
      new Promise((resolve) => {
        if (inodeOf(own.path) === own.inode) rmSync(own.path, { force: true });
        server.close(() => resolve());
        for (const stream of streams) stream.destroy();
      }),
  };
}

let besideCount = 0;

/** Shorter than any sensible socket name, so that it fits wherever the path itself fits. */
function besidePath(path: string): string {
  besideCount += 1;
  return join(dirname(path), `.${process.pid.toString(36)}${besideCount.toString(36)}`);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path, backlog: API_BACKLOG_MAX }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

function tooLarge(maxBytes: number): { readonly ok: false; readonly error: BodyError } {
  const message = `the request body is longer than ${maxBytes} bytes`;
  return fail({ code: "body-too-large", status: 413, message });
}
