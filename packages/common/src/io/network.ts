import type { ClusterId, NodeId } from "../ids.ts";

/** What the peer's certificate proves. */
export interface PeerIdentity {
  readonly nodeId: NodeId;
  readonly role: "manager" | "worker";
  readonly clusterId: ClusterId;
}

/**
 * How a connection ended, or why it never began. `refused`: something answered that nobody listens
 * there, the one kind of failure that proves a process is gone; every other kind proves nothing.
 */
export interface LinkEnd {
  readonly kind:
    | "refused"
    | "unreachable"
    | "timeout"
    | "forbidden"
    | "version"
    | "overflow"
    | "protocol"
    | "closed";
  readonly reason: string;
  /** A manager of our cluster, by its certificate, says that this node was removed from it. */
  readonly cause?: "removed";
}

/**
 * One message-preserving, ordered, mutually authenticated connection (a WebSocket over mutual TLS).
 * Receivers are never called from within a call of `send`, `close`, `dial`, `cancel` or `listen`.
 */
export interface Link {
  readonly peer: PeerIdentity;
  /** "address:port" of the other side, for logs. */
  readonly remote: string;
  /**
   * Queues one message. False when the link is closed, or when its queue is over the limit, in
   * which case the link is closed with `overflow`: nothing is ever dropped in the middle. The bytes
   * are handed over: the caller does not change them afterwards.
   */
  send(bytes: Uint8Array): boolean;
  /** Bytes queued here that the kernel has not taken yet: back-pressure for bulk senders. */
  queuedBytes(): number;
  close(reason: string): void;
}

/** Callbacks of one connection. `closed` is called exactly once, also when it never opened. */
export interface LinkReceiver {
  opened(link: Link): void;
  message(bytes: Uint8Array): void;
  closed(end: LinkEnd): void;
}

/** Paths by purpose: each its own socket, so that bulk never blocks control. */
export type LinkPath =
  | "/raft"
  | "/snapshot"
  | "/members"
  | "/dispatch"
  | "/api"
  | "/calls"
  | "/logs"
  | "/node"
  | "/stream"
  | "/ping"
  | "/gossip";

/** Decides on an incoming connection; a string refuses it and is told to the peer. */
export type Accept = (peer: PeerIdentity, query: URLSearchParams) => LinkReceiver | string;

export interface Listener {
  close(): void;
}

export interface Network {
  /**
   * Listens on "address:port"; `ready` gets undefined or the system's error text (port in use …).
   */
  listen(
    address: string,
    accept: Partial<Record<LinkPath, Accept>>,
    ready: (error: string | undefined) => void,
  ): Listener;
  /**
   * Dials "address:port"; `expect` and `expectRole` close with `forbidden` when another node, or a
   * node of another role, answers. `cancel` gives the dial up, and closes the link if it is open
   * already.
   */
  dial(
    target: {
      readonly address: string;
      readonly path: LinkPath;
      readonly query?: string;
      readonly expect?: NodeId;
      readonly expectRole?: PeerIdentity["role"];
    },
    receiver: LinkReceiver,
  ): { cancel(): void };
}
