/**
 * From a snapshot to the writes that make the tables equal to it. Every row is written, also one
 * that is there already: a replica that went astray is whole again. A watch is told of the rows
 * whose version differs; a version is the log index of the write, so equal ones are the same row.
 */
import type { LogIndex } from "@skein/common/ids";
import type { Cluster } from "@skein/common/model/cluster";
import type { Slot } from "@skein/common/model/task";
import { slotKey } from "@skein/common/model/task";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { DecodeError } from "@skein/common/wire/schema";
import { COMMAND_VERSION } from "./command.ts";
import type { Answered } from "./requests.ts";
import type { Part } from "./snapshot.ts";
import { decodeSnapshot } from "./snapshot.ts";
import type { ClusterView } from "./view.ts";
import type { RowWrite, Write } from "./write.ts";

type PartOf<Name extends Part["part"]> = Extract<Part, { readonly part: Name }>;

export interface Restored {
  readonly head: PartOf<"head">;
  readonly requests: readonly Answered[];
  readonly writes: readonly Write[];
}

/** `index`: of the last log entry the snapshot covers; later than its last command, or equal. */
export function readSnapshot(
  index: LogIndex,
  bytes: Uint8Array,
  view: ClusterView,
): Result<Restored, DecodeError> {
  const decoded = decodeSnapshot(bytes);
  if (!decoded.ok) return decoded;
  const parts = decoded.value;
  const [head] = parts;
  if (head?.part !== "head") return malformed("the head is missing");
  if (head.index > index)
    return malformed(`state of index ${head.index} in a snapshot of ${index}`);
  const version = head.cluster?.clusterVersion ?? COMMAND_VERSION;
  if (version > COMMAND_VERSION) {
    return malformed(
      `it needs command version ${version}, this manager reads up to ${COMMAND_VERSION}`,
    );
  }
  const requests = parts.flatMap((part) => (part.part === "request" ? part.rows : []));
  return ok({ head, requests, writes: writesBetween(view, head, parts) });
}

/** False for a row that the snapshot only confirms. */
export function isNews({ before, after }: Write): boolean {
  return before?.version !== after?.version;
}

function malformed(reason: string) {
  return fail<DecodeError>({ code: "malformed", reason });
}

function writesBetween(
  view: ClusterView,
  head: PartOf<"head">,
  parts: readonly Part[],
): readonly Write[] {
  const nodes = parts.flatMap((part) => (part.part === "node" ? part.rows : []));
  const services = parts.flatMap((part) => (part.part === "service" ? part.rows : []));
  const slots = parts.flatMap((part) => (part.part === "slot" ? part.rows : []));
  const tasks = parts.flatMap((part) => (part.part === "task" ? part.rows : []));
  const secrets = parts.flatMap((part) => (part.part === "secret" ? part.rows : []));
  const networks = parts.flatMap((part) => (part.part === "network" ? part.rows : []));
  const configs = parts.flatMap((part) => (part.part === "config" ? part.rows : []));
  const stacks = parts.flatMap((part) => (part.part === "stack" ? part.rows : []));
  return [
    ...clusterWrite(view.cluster, head.cluster),
    ...diff(view.nodes.list(), nodes, idOf).map((write) => ({ table: "node", ...write }) as const),
    ...diff(view.services.list(), services, idOf).map(
      (write) => ({ table: "service", ...write }) as const,
    ),
    ...diff(view.slots.list(), slots, keyOfSlot).map(
      (write) => ({ table: "slot", ...write }) as const,
    ),
    ...diff(view.tasks.list(), tasks, idOf).map((write) => ({ table: "task", ...write }) as const),
    ...diff(view.configs.list(), configs, idOf).map(
      (write) => ({ table: "config", ...write }) as const,
    ),
    ...diff(view.secrets.list(), secrets, idOf).map(
      (write) => ({ table: "secret", ...write }) as const,
    ),
    ...diff(view.networks.list(), networks, idOf).map(
      (write) => ({ table: "network", ...write }) as const,
    ),
    ...diff(view.stacks.list(), stacks, idOf).map(
      (write) => ({ table: "stack", ...write }) as const,
    ),
  ];
}

function clusterWrite(before: Cluster | undefined, after: Cluster | undefined): readonly Write[] {
  const id = after?.id ?? before?.id;
  return id === undefined ? [] : [{ table: "cluster", id, before, after }];
}

function keyOfSlot({ serviceId, slot }: Slot): string {
  return slotKey(serviceId, slot);
}

function idOf(row: { readonly id: string }): string {
  return row.id;
}

function diff<Row>(
  old: readonly Row[],
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): readonly RowWrite<Row>[] {
  const before = new Map(old.map((row) => [keyOf(row), row]));
  const writes: RowWrite<Row>[] = [];
  for (const after of rows) {
    const id = keyOf(after);
    const row = before.get(id);
    before.delete(id);
    writes.push({ id, before: row, after });
  }
  // What the snapshot does not know is gone; the old list was sorted, and so are these.
  for (const [id, row] of before) writes.push({ id, before: row, after: undefined });
  return writes;
}
