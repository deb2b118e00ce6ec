/**
 * From a snapshot to the writes that make the tables equal to it. What is the same is left alone, so that
 * readers keep their rows and a watch sees what really changed.
 */
import type { LogIndex } from "@skein/common/ids";
import { slotKey } from "@skein/common/model/task";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { DecodeError } from "@skein/common/wire/schema";
import { COMMAND_VERSION } from "./command.ts";
import type { Answered } from "./requests.ts";
import { isSame } from "./same.ts";
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

function malformed(reason: string) {
  return fail<DecodeError>({ code: "malformed", reason });
}

function writesBetween(
  view: ClusterView,
  head: PartOf<"head">,
  parts: readonly Part[],
): readonly Write[] {
  const writes: Write[] = [];
  const nodes = parts.flatMap((part) => (part.part === "node" ? part.rows : []));
  const services = parts.flatMap((part) => (part.part === "service" ? part.rows : []));
  const slots = parts.flatMap((part) => (part.part === "slot" ? part.rows : []));
  const tasks = parts.flatMap((part) => (part.part === "task" ? part.rows : []));
  const configs = parts.flatMap((part) => (part.part === "config" ? part.rows : []));
  const { cluster } = view;
  const id = head.cluster?.id ?? cluster?.id;
  if (id !== undefined && !isSame(cluster, head.cluster)) {
    writes.push({ table: "cluster", id, before: cluster, after: head.cluster });
  }
  for (const write of diff(view.nodes.list(), nodes, idOf))
    writes.push({ table: "node", ...write });
  for (const write of diff(view.services.list(), services, idOf)) {
    writes.push({ table: "service", ...write });
  }
  for (const write of diff(view.slots.list(), slots, (slot) =>
    slotKey(slot.serviceId, slot.slot),
  )) {
    writes.push({ table: "slot", ...write });
  }
  for (const write of diff(view.tasks.list(), tasks, idOf))
    writes.push({ table: "task", ...write });
  for (const write of diff(view.configs.list(), configs, idOf)) {
    writes.push({ table: "config", ...write });
  }
  return writes;
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
    if (row === undefined || !isSame(row, after)) writes.push({ id, before: row, after });
  }
  // What the snapshot does not know is gone; the old list was sorted, and so are these.
  for (const [id, row] of before) writes.push({ id, before: row, after: undefined });
  return writes;
}
