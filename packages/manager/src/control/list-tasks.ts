/**
 * GET /tasks: filters id, name, service, node, label, desired-state, runtime and `_up-to-date`, by
 * which the CLI watches an update: the task was made from what its service wants now.
 */
import type { Task } from "@skein/common/model/task";
import { taskName } from "@skein/common/model/task";
import { ok } from "@skein/common/result";
import type { ClusterView } from "../store/view.ts";
import type { Checked } from "./api-error.ts";
import { desiredShown } from "./engine/task.ts";
import type { Filters } from "./filters.ts";
import { allLabels, anyOf, checkValues } from "./filters.ts";
import { resolveNode, resolveService } from "./resolve.ts";

export const TASK_FILTERS = [
  "id",
  "name",
  "service",
  "node",
  "label",
  "desired-state",
  "runtime",
  "_up-to-date",
] as const;
const DESIRED = ["running", "shutdown", "accepted", "ready", "remove", "complete"] as const;

export function listTasks(view: ClusterView, filters: Filters): Checked<readonly Task[]> {
  const states = checkValues(filters, "desired-state", DESIRED);
  if (!states.ok) return states;
  const services = resolveAll(filters.get("service"), (name) => resolveService(view, name));
  if (!services.ok) return services;
  const nodes = resolveAll(filters.get("node"), (name) => resolveNode(view, name));
  if (!nodes.ok) return nodes;
  const wanted = { service: services.value, node: nodes.value };
  return ok(candidates(view, wanted).filter((task) => matches(view, task, { filters, wanted })));
}

interface Wanted {
  /** Ids; undefined: any. */
  readonly service: ReadonlySet<string> | undefined;
  readonly node: ReadonlySet<string> | undefined;
}

function resolveAll(
  names: readonly string[] | undefined,
  find: (name: string) => Checked<{ readonly id: string }>,
): Checked<ReadonlySet<string> | undefined> {
  if (names === undefined || names.length === 0) return ok(undefined);
  const ids = new Set<string>();
  for (const name of names) {
    const found = find(name);
    if (!found.ok) return found;
    ids.add(found.value.id);
  }
  return ok(ids);
}

/** One service's tasks come from an index: a waiting CLI asks five times a second. */
function candidates(view: ClusterView, wanted: Wanted): readonly Task[] {
  if (wanted.service?.size !== 1) return view.tasks.list();
  const service = view.services.list().find((row) => wanted.service?.has(row.id));
  return service === undefined ? [] : view.tasksOfService(service.id);
}

interface Query {
  readonly filters: Filters;
  readonly wanted: Wanted;
}

function matches(view: ClusterView, task: Task, query: Query): boolean {
  const { filters, wanted } = query;
  const service = view.services.get(task.serviceId);
  const name = `${taskName(task)}.${task.id}`;
  const nodeId = task.nodeId ?? task.pinnedTo;
  const current = String(service !== undefined && service.taskIndex === task.taskIndex);
  return (
    (wanted.service === undefined || wanted.service.has(task.serviceId)) &&
    (wanted.node === undefined || (nodeId !== undefined && wanted.node.has(nodeId))) &&
    anyOf(filters, "id", (id) => task.id.startsWith(id)) &&
    anyOf(filters, "name", (prefix) => name.startsWith(prefix)) &&
    anyOf(filters, "desired-state", (state) => state === desiredShown(task)) &&
    anyOf(filters, "runtime", (runtime) => runtime === "container") &&
    anyOf(filters, "_up-to-date", (value) => value === current) &&
    allLabels(filters, "label", service?.spec.labels ?? {})
  );
}
