/**
 * A container as people name it: full id, else full name ("web.1.<task id>"), else "web.1" for the
 * newest living task of that slot, else the beginning of an id.
 */
import type { TaskId } from "../ids.ts";
import { taskName } from "../model/task.ts";
import { ok } from "../result.ts";
import type { Checked } from "./api-error.ts";
import { badRequest, refuse } from "./api-error.ts";
import type { ContainerFacts } from "./container.ts";
import { containerId, containerName, containerState, hasIdPrefix } from "./container.ts";

export function findContainer<Row extends ContainerFacts>(
  rows: Iterable<Row>,
  reference: string,
): Checked<Row> {
  const name = reference.startsWith("/") ? reference.slice(1) : reference;
  const found: Row[] = [];
  const ofSlot: Row[] = [];
  for (const row of rows) {
    // A name has a dot, an id has none: each row is looked at for one of them only.
    if (!name.includes(".")) {
      if (name !== "" && hasIdPrefix(row.taskId, name)) found.push(row);
    } else if (name.startsWith(row.serviceName)) {
      if (containerName(row) === name) return ok(row);
      if (taskName(row) === name) ofSlot.push(row);
    }
  }
  const slot = newest(ofSlot);
  if (slot !== undefined) return ok(slot);
  const [first, second] = found;
  if (first === undefined) return noSuchContainer(reference);
  if (second === undefined) return ok(first);
  return badRequest(`multiple IDs found with provided prefix: ${reference}`);
}

export function noSuchContainer(reference: string): Checked<never> {
  return refuse(404, "container-not-found", `No such container: ${reference}`);
}

/**
 * An exec's id begins with half of its container's, so that any manager finds the node it runs on.
 */
export const EXEC_ID_CONTAINER_DIGITS = 32;

export function execIdOf(task: TaskId, unique: string): string {
  return `${containerId(task).slice(0, EXEC_ID_CONTAINER_DIGITS)}${unique}`;
}

export function findByExecId<Row extends ContainerFacts>(
  rows: Iterable<Row>,
  execId: string,
): Row | undefined {
  if (execId.length !== 64) return undefined;
  const prefix = execId.slice(0, EXEC_ID_CONTAINER_DIGITS);
  for (const row of rows) if (hasIdPrefix(row.taskId, prefix)) return row;
  return undefined;
}

/** Of a slot's tasks the one that runs, else the last one made. */
function newest<Row extends ContainerFacts>(rows: readonly Row[]): Row | undefined {
  const rank = (row: Row): number => (containerState(row.status) === "running" ? 1 : 0);
  return rows.toSorted((a, b) => rank(b) - rank(a) || b.createdAt - a.createdAt)[0];
}
