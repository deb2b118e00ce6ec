/**
 * The cluster at an earlier moment: the state of now with the changes since then undone. It reaches
 * as far back as this manager remembers changes (`HISTORY_CHANGES_MAX`).
 */

import { compareIds } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { ok } from "@skein/common/result";
import type { Change, ClusterView } from "../store/view.ts";
import type { Checked } from "./api-error.ts";
import { refuse } from "./api-error.ts";
import { formatWall } from "./engine/time.ts";

export interface Past {
  readonly nodes: readonly Node[];
  readonly services: readonly Service[];
  readonly tasks: readonly Task[];
}

/** `changes`: oldest first, without a gap up to now. `wall`: the moment, in milliseconds. */
export function rowsAt(view: ClusterView, changes: readonly Change[], wall: number): Checked<Past> {
  const oldest = changes[0]?.at;
  if (oldest !== undefined && wall < oldest) {
    const reach = formatWall(oldest);
    const text = `Cannot show that moment: the history of this manager begins at ${reach}`;
    return refuse(400, "bad-request", text);
  }
  const tables = {
    node: byId(view.nodes.list()),
    service: byId(view.services.list()),
    task: byId(view.tasks.list()),
  };
  for (const change of changes.toReversed()) {
    if ((change.at ?? 0) <= wall) break;
    const { table, id, before } = change;
    if (table !== "node" && table !== "service" && table !== "task") continue;
    // A change's rows are of its table's type (store/view.ts).
    const rows = tables[table] as Map<string, unknown>;
    if (before === undefined) rows.delete(id);
    else rows.set(id, before);
  }
  return ok({
    nodes: sorted(tables.node),
    services: sorted(tables.service).filter(({ removed }) => removed !== true),
    tasks: sorted(tables.task),
  });
}

function byId<Row extends { readonly id: string }>(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.id, row]));
}

function sorted<Row extends { readonly id: string }>(rows: Map<string, Row>): readonly Row[] {
  return [...rows.values()].sort((a, b) => compareIds(a.id, b.id));
}
