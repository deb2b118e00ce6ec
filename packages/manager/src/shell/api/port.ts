/** What the Engine API needs of the manager it serves. The composition root implements it. */
import type { Duplex } from "node:stream";
import type { RequestId } from "@skein/common/ids";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { LinkReceiver } from "@skein/common/io/network";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { Result } from "@skein/common/result";
import type { StoreTime } from "@skein/common/time";
import type { LogMessage, LogRequest } from "@skein/common/wire/log-messages";
import type { MemberFacts } from "../../control/cluster-status.ts";
import type { Accepted, Command, Refusal } from "../../store/command.ts";
import type { Change, ClusterView } from "../../store/view.ts";
import type { Outcome } from "../outcome.ts";
import type { TrustOffice } from "../trust/trust-office.ts";

export interface PortStatus {
  readonly role: string;
  readonly term: number;
  readonly leader?: { readonly nodeId: string; readonly name?: string; readonly address: string };
  /** A leader that may serve: it has applied its own term's first entry. */
  readonly ready: boolean;
  /** Managers by node id: did they answer lately? Absent: unknown. */
  readonly reachable: ReadonlyMap<string, boolean>;
  /** Raft's members as this manager knows them. */
  readonly members: readonly MemberFacts[];
  readonly quorum: { readonly voters: number; readonly contact: number };
  readonly commit: number;
  readonly applied: number;
}

export interface ManagerPort {
  readonly config: NodeConfig;
  /** The local replica. */
  readonly view: ClusterView;
  readonly log: Log;
  readonly metrics: Metrics;
  status(): PortStatus;
  /** Ready to serve as leader. */
  isLeader(): boolean;
  /** Resolves when the view is at least as new as every write acknowledged before the call. */
  linearize(): Promise<Result<void, Outcome>>;
  /** Proposes; answers within 5 s. */
  propose(
    command: Command,
    request: RequestId | undefined,
  ): Promise<Result<Accepted & { readonly index: number }, Outcome>>;
  /**
   * A raw stream to the leader's API server (`ApiServer.accept` there); undefined when there is
   * none.
   */
  dialLeader(): Promise<Duplex | undefined>;
  /** A raw stream to the containers' API of a node; the error is why it cannot be had. */
  dialNode(nodeId: string): Promise<Result<Duplex, string>>;
  /**
   * A link to the leader's `/calls`; undefined when there is no leader. Without the method every
   * request goes over a stream of `dialLeader`.
   */
  dialCalls?(receiver: LinkReceiver): { cancel(): void } | undefined;
  /** The node id of the leader, if one is known: `status().leader`, without the rest of it. */
  leaderId?(): string | undefined;
  workerLogs(
    nodeId: string,
    request: LogRequest,
    onMessage: (message: LogMessage) => void,
    onEnd: (reason: string) => void,
  ): { cancel(): void };
  /** The certificate authority; absent where none is composed, as in a simulation. */
  readonly trust?: TrustOffice;
  /** Has the worker process take this node out of its cluster; false: nobody can be asked. */
  leave?(): boolean;
  newId(): string;
  /** Store time at the leader; elsewhere that of the last command. */
  storeNow?(): StoreTime;
  /** Milliseconds since 1970. */
  wall(): number;
  metricsText(): string | Promise<string>;
  /** Is a published port free on this node's addresses? Undefined: yes; else why not. */
  checkPort(port: number): Promise<string | undefined>;
  /** What the store answered to this request before, if it remembers (`Store.requests`). */
  answered?(request: RequestId): Result<Accepted, Refusal> | undefined;
  /** The store's state as bytes, fixed now and made as it is read (`Store.snapshotSlices`). */
  snapshot?(): Iterable<Uint8Array>;
  /** The changes this manager remembers, oldest first. */
  changes?(): readonly Change[];
  /** Every change of the store from now on (`Store.onChange`): the source of `/events`. */
  watch?(onChange: (changes: readonly Change[]) => void): { cancel(): void };
}
