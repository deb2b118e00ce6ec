/** What readers of the store see: immutable rows, lists sorted by id, a few indexes. */
import type {
  ConfigId,
  LogIndex,
  NetworkId,
  NodeId,
  SecretId,
  ServiceId,
  StackId,
  TaskId,
} from "@skein/common/ids";
import type { Cluster } from "@skein/common/model/cluster";
import type { Config } from "@skein/common/model/config";
import type { Network } from "@skein/common/model/network";
import type { Node } from "@skein/common/model/node";
import type { Secret } from "@skein/common/model/secret";
import type { Service } from "@skein/common/model/service";
import type { Stack } from "@skein/common/model/stack";
import type { Slot, Task } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";

export interface TableView<Id extends string, Row> {
  get(id: Id): Row | undefined;
  /**
   * Sorted by id; the same array until the table changes, never mutated after it was handed out.
   */
  list(): readonly Row[];
  readonly size: number;
}

export interface ClusterView {
  /** Index of the last applied command. */
  readonly index: LogIndex;
  /** Time of the last applied command. */
  readonly time: StoreTime;
  readonly cluster: Cluster | undefined;
  readonly nodes: TableView<NodeId, Node>;
  readonly services: TableView<ServiceId, Service>;
  /** Keyed by `slotKey`. */
  readonly slots: TableView<string, Slot>;
  readonly tasks: TableView<TaskId, Task>;
  readonly configs: TableView<ConfigId, Config>;
  /** Removed ones too, until their addresses have rested. */
  readonly networks: TableView<NetworkId, Network>;
  readonly stacks: TableView<StackId, Stack>;
  readonly secrets: TableView<SecretId, Secret>;
  /** Sorted by id. */
  tasksOfService(id: ServiceId): readonly Task[];
  tasksOfNode(id: NodeId): readonly Task[];
  /** Sorted by slot number. */
  slotsOfService(id: ServiceId): readonly Slot[];
  /** Tasks in `new` or `pending`, sorted by id. */
  pendingTasks(): readonly Task[];
  serviceByName(name: string): Service | undefined;
  configByName(name: string): Config | undefined;
  /** Not a removed one. */
  secretByName(name: string): Secret | undefined;
  networkByName(name: string): Network | undefined;
  /** Addresses of the network that a task or service holds. */
  networkHeld(id: NetworkId): number;
}

export type TableName =
  | "cluster"
  | "node"
  | "service"
  | "slot"
  | "task"
  | "config"
  | "network"
  | "stack"
  | "secret";

/** One changed row. A watch delivers these in order and resumes from a log index. */
export interface Change {
  readonly index: LogIndex;
  readonly table: TableName;
  readonly id: string;
  readonly action: "create" | "update" | "remove";
  /** Wall time of the command; absent after a restore, which is no change of the cluster. */
  readonly at?: number;
  /** The row after; absent when removed. Rows are of the table's type. */
  readonly before?: unknown;
  readonly after?: unknown;
}
