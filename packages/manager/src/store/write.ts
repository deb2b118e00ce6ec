/**
 * What a handler wants written: the row before and after, by table. `commit` and watches read
 * these.
 */
import type { LogIndex } from "@skein/common/ids";
import type { Cluster } from "@skein/common/model/cluster";
import type { Config } from "@skein/common/model/config";
import type { Network } from "@skein/common/model/network";
import type { Node } from "@skein/common/model/node";
import type { Secret } from "@skein/common/model/secret";
import type { Service } from "@skein/common/model/service";
import type { Stack } from "@skein/common/model/stack";
import type { Slot, Task } from "@skein/common/model/task";
import type { Change } from "./view.ts";

export interface RowWrite<Row> {
  readonly id: string;
  /** Absent: the row is new. */
  readonly before: Row | undefined;
  /** Absent: the row goes. */
  readonly after: Row | undefined;
}

export type Write =
  | ({ readonly table: "cluster" } & RowWrite<Cluster>)
  | ({ readonly table: "node" } & RowWrite<Node>)
  | ({ readonly table: "service" } & RowWrite<Service>)
  | ({ readonly table: "slot" } & RowWrite<Slot>)
  | ({ readonly table: "task" } & RowWrite<Task>)
  | ({ readonly table: "config" } & RowWrite<Config>)
  | ({ readonly table: "network" } & RowWrite<Network>)
  | ({ readonly table: "stack" } & RowWrite<Stack>)
  | ({ readonly table: "secret" } & RowWrite<Secret>);

export function changeOf(index: LogIndex, write: Write): Change {
  const { table, id, before, after } = write;
  if (before === undefined) return { index, table, id, action: "create", after };
  if (after === undefined) return { index, table, id, action: "remove", before };
  return { index, table, id, action: "update", before, after };
}
