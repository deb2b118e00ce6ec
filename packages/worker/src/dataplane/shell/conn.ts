/**
 * A byte connection of the data plane, whatever carries it: a TCP socket, or a stream over another
 * node. Two implementations of TCP (`raw-tcp.ts`, `socket-tcp.ts`) pass one contract.
 */

export interface ConnEvents {
  /** The bytes belong to the receiver from here on. */
  data(bytes: Buffer): void;
  /** The other side ended its half. */
  end(): void;
  /** After a `write` that answered false: there is room again. */
  drained(): void;
  /** Once, whoever closed it, and nothing after it. An error: it broke. */
  closed(error: string | undefined): void;
}

export interface Conn {
  /** Who hears of it from here on. Until `resume` nothing is read. */
  listen(events: ConnEvents): void;
  pause(): void;
  resume(): void;
  /** False: enough is queued; go on when `drained` comes. Never refused for that. */
  write(bytes: Uint8Array): boolean;
  /** Ends our half once all is written. When both halves ended the connection closes. */
  end(): void;
  /** Closes at once, in good order as far as the kernel grants it. */
  destroy(): void;
  /** Breaks it: the other side must not take what it has for the whole. */
  reset(): void;
  /** "127.0.0.1", and its port; empty when it is not known any more. */
  peer(): { readonly address: string; readonly port: number };
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** A connection under way. */
export interface Dial {
  cancel(): void;
}

export interface Listening {
  close(): void;
}

export interface ListenEvents {
  listening(): void;
  failed(error: string): void;
  accepted(conn: Conn): void;
}

/** Where to listen: an address of this node, or a socket that is bound already. */
export type ListenAt = { readonly host: string; readonly port: number } | { readonly fd: number };

export interface Tcp {
  /** `done` is called once, unless the dial was cancelled. */
  connect(
    host: string,
    port: number,
    done: (result: Conn | { readonly error: string }) => void,
  ): Dial;
  listen(at: ListenAt, events: ListenEvents): Listening;
}

/** For a connection nobody listens to yet. */
export const DEAF: ConnEvents = {
  data: () => undefined,
  end: () => undefined,
  drained: () => undefined,
  closed: () => undefined,
};
