/**
 * Whom a changed row concerns: the services whose routes, and the tasks whose assignments, may
 * differ.
 */
import { unreachable } from "@skein/common/assert";
import type { NodeId, ServiceId, TaskId } from "@skein/common/ids";
import { nodeId, serviceId } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { Task } from "@skein/common/model/task";
import type { Change, ClusterView } from "../store/view.ts";
import { standingOf } from "./routes.ts";

/** What the dispatcher does about it. */
export interface Concerned {
  route(id: ServiceId): void;
  assignment(nodeId: NodeId, taskId: TaskId): void;
  /** Every assignment of the node. */
  assignments(nodeId: NodeId): void;
  node(id: NodeId, after: Node | undefined): void;
}

interface Rows<Row> {
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

export function tellConcerned(view: ClusterView, change: Change, concerned: Concerned): void {
  switch (change.table) {
    case "task":
      // The table names the type of its rows (store/view.ts).
      taskChanged(change as Rows<Task>, concerned);
      return;
    case "node":
      // As above.
      nodeChanged(view, change as Change & Rows<Node>, concerned);
      return;
    case "service":
      concerned.route(serviceId(change.id));
      return;
    case "cluster":
    case "slot":
    case "config":
    case "network":
    case "stack":
    case "secret":
      return;
    default:
      unreachable(change.table);
  }
}

function taskChanged({ before, after }: Rows<Task>, concerned: Concerned): void {
  const task = after ?? before;
  if (task === undefined) return;
  if (routePart(before) !== routePart(after)) concerned.route(task.serviceId);
  if (before?.nodeId !== undefined) concerned.assignment(before.nodeId, task.id);
  if (after?.nodeId !== undefined && after.nodeId !== before?.nodeId) {
    concerned.assignment(after.nodeId, task.id);
  }
}

/** What of a task decides whether and how the table names it. */
function routePart(task: Task | undefined): string {
  if (task === undefined) return "";
  const { status, nodeId: on, address } = task;
  const standing = standingOf(task);
  return standing === "none" ? "" : `${standing} ${on} ${address} ${status.listens?.join() ?? ""}`;
}

function nodeChanged(
  view: ClusterView,
  { id, before, after }: Change & Rows<Node>,
  concerned: Concerned,
): void {
  const node = nodeId(id);
  if (routesThrough(before) !== routesThrough(after)) {
    for (const task of view.tasksOfNode(node)) concerned.route(task.serviceId);
  }
  if (labelsOf(before) !== labelsOf(after)) concerned.assignments(node);
  concerned.node(node, after);
}

function routesThrough(node: Node | undefined): string {
  return node?.status.state === "ready" ? node.description.dataAddress : "";
}

function labelsOf(node: Node | undefined): string {
  return JSON.stringify([node?.description.hostname, node?.spec.labels]);
}
