/** The cluster's tasks as containers, as the store knows them. */
import type { ContainerFacts } from "@skein/common/api/container";
import type { Task } from "@skein/common/model/task";
import type { ClusterView } from "../store/view.ts";

/** Tasks that were given to a node, one at a time: a search ends at the one it looks for. */
export function* clusterContainers(view: ClusterView): Generator<ContainerFacts> {
  for (const task of view.tasks.list()) {
    const container = containerOf(task);
    if (container !== undefined) yield container;
  }
}

/** Undefined: no node was told of it yet. */
export function containerOf(task: Task): ContainerFacts | undefined {
  const { nodeId, address, pinnedTo, serviceId, serviceName, slot } = task;
  const { spec, ports, status, createdAt } = task;
  if (nodeId === undefined) return undefined;
  const shared = { serviceId, serviceName, slot, nodeId, spec, ports, status, createdAt };
  return {
    taskId: task.id,
    ...shared,
    ...(address === undefined ? {} : { address }),
    ...(pinnedTo === undefined ? {} : { pinnedTo }),
  };
}
