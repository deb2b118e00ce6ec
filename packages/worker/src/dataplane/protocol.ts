/**
 * Between the agent (main thread) and the data plane (its own thread): plain values by
 * `postMessage`. The data plane owns published ports, streams between nodes and the probing of
 * target ports.
 */
import type { NetworkId, TaskId } from "@skein/common/ids";
import type { ServiceRoute } from "@skein/common/model/routes";

/** A task of this node, as the data plane must know it. */
export interface LocalTask {
  readonly taskId: TaskId;
  /** "web.1" */
  readonly name: string;
  /** "127.65.0.5" */
  readonly hostAddress: string;
  /**
   * Target ports to probe until each accepted a connection once. Empty: in rotation when running.
   */
  readonly targetPorts: readonly number[];
  /** Process group to look through when nothing listens at the address. */
  readonly pid: number;
  /** True: refuse new relayed streams with `draining`, so that ingress takes the next task. */
  readonly draining: boolean;
  /** Overlay networks it is on. Absent: only the one every task is on. */
  readonly networks?: readonly NetworkId[];
}

export type ToDataPlane =
  /** The whole serving table; sent at every change (small: published services only). */
  | { readonly kind: "routes"; readonly routes: readonly ServiceRoute[] }
  | { readonly kind: "task"; readonly task: LocalTask }
  | { readonly kind: "task-gone"; readonly taskId: TaskId }
  /** A listening socket of 127.0.0.1:<port> handed over by the launcher, as a file descriptor. */
  | { readonly kind: "handed-port"; readonly publishedPort: number; readonly fd: number }
  | { readonly kind: "scrape"; readonly id: number }
  | { readonly kind: "close" };

/** What the thread takes besides: the partition is its network's matter, not the data plane's. */
export type ToThread =
  | ToDataPlane
  /**
   * Refuse every frame to and from these hosts (a partition without root), and every frame from
   * those in `deafTo`; all others are healed.
   */
  | {
      readonly kind: "cut";
      readonly addresses: readonly string[];
      readonly deafTo?: readonly string[];
    }
  /** The identity files were renewed: read them again. */
  | { readonly kind: "identity" }
  /** Nodes removed from the cluster: no stream with them. */
  | { readonly kind: "removed"; readonly nodes: readonly string[] };

export type FromDataPlane =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly error: string }
  /** The task's target ports accept connections: it may enter rotation. */
  | { readonly kind: "in-rotation"; readonly taskId: TaskId }
  /** It stopped answering (repeated refused connections) or listens elsewhere. */
  | { readonly kind: "out-of-rotation"; readonly taskId: TaskId; readonly reason: string }
  | { readonly kind: "warning"; readonly taskId: TaskId; readonly message: string }
  /** The TCP ports a task of an overlay network listens on, at every change. */
  | { readonly kind: "listens"; readonly taskId: TaskId; readonly ports: readonly number[] }
  /** A published port is served, no longer served, or cannot be: the system's own words. */
  | { readonly kind: "listening"; readonly publishedPort: number }
  | { readonly kind: "unlistened"; readonly publishedPort: number }
  | { readonly kind: "listen-failed"; readonly publishedPort: number; readonly error: string }
  /** Answer to `scrape`: metrics in the Prometheus text format. */
  | { readonly kind: "metrics"; readonly id: number; readonly text: string };
