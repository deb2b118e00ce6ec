/**
 * Node's own TCP handles, below `net.Socket`. A proxy pays for a socket's stream machinery twice a
 * connection and twice a chunk, and needs none of it: with bare handles a connection costs half
 * the processor time (docs/design/data-plane.md). They are reached by `process.binding`, which is
 * not documented; where it is gone or looks different the answer is undefined and `net.Socket`
 * serves, which passes the same tests.
 */

export interface TcpHandle {
  onread: ((buffer: ArrayBuffer | undefined) => void) | undefined;
  onconnection: ((status: number, client: TcpHandle | undefined) => void) | undefined;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  shutdown(request: Request): number;
  close(done?: () => void): void;
  reset(done?: () => void): number;
  connect(request: Request, host: string, port: number): number;
  setNoDelay(on: boolean): number;
  setKeepAlive(on: boolean, afterSeconds: number): number;
  getpeername(into: { address?: string; port?: number }): number;
}

export interface Request {
  oncomplete: ((status: number) => void) | undefined;
}

export interface WriteRequest extends Request {
  handle: TcpHandle | undefined;
  buffer: Uint8Array | undefined;
}

export interface TcpBinding {
  readonly newSocket: () => TcpHandle;
  readonly newConnect: () => Request;
  readonly newWrite: () => WriteRequest;
  readonly newShutdown: () => Request;
  /** What the last read or write of any handle told: set just before `onread`. */
  readonly lastRead: () => number;
  readonly lastOffset: () => number;
  readonly lastWriteWasAsync: () => boolean;
}

/** libuv's UV_EOF. */
export const END_OF_FILE = -4095;

/** The cast: what is asked for here has no types, and is checked before it is used. */
type Unknown = Readonly<Record<string, unknown>>;
type Maker<T> = new (kind?: number) => T;

export function tcpBinding(): TcpBinding | undefined {
  try {
    const load: unknown = Reflect.get(process, "binding");
    if (typeof load !== "function") return undefined;
    const tcp = load.call(process, "tcp_wrap") as Unknown;
    const stream = load.call(process, "stream_wrap") as Unknown;
    return bindingOf(tcp, stream);
  } catch {
    return undefined;
  }
}

function bindingOf(tcp: Unknown, stream: Unknown): TcpBinding | undefined {
  const state = stream["streamBaseState"];
  const kind = (tcp["constants"] as Unknown | undefined)?.["SOCKET"];
  const [read, offset, async] = [
    stream["kReadBytesOrError"],
    stream["kArrayBufferOffset"],
    stream["kLastWriteWasAsync"],
  ];
  const makers = [tcp["TCP"], tcp["TCPConnectWrap"], stream["WriteWrap"], stream["ShutdownWrap"]];
  if (!(state instanceof Int32Array) || typeof kind !== "number") return undefined;
  if (typeof read !== "number" || typeof offset !== "number" || typeof async !== "number")
    return undefined;
  if (!makers.every((maker) => typeof maker === "function")) return undefined;
  const [Tcp, Connect, Write, Shutdown] = makers as [
    Maker<TcpHandle>,
    Maker<Request>,
    Maker<WriteRequest>,
    Maker<Request>,
  ];
  return {
    newSocket: () => new Tcp(kind),
    newConnect: () => new Connect(),
    newWrite: () => new Write(),
    newShutdown: () => new Shutdown(),
    lastRead: () => state[read] ?? 0,
    lastOffset: () => state[offset] ?? 0,
    lastWriteWasAsync: () => state[async] !== 0,
  };
}
