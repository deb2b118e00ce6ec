/**
 * Host-mode ports: published on the task's own node alone, so that the cluster's serving table
 * knows nothing of them. The agent adds them to the table it hands to the data plane.
 */
import type { NodeId, ServiceId } from "@skein/common/ids";
import type { ServiceRoute } from "@skein/common/model/routes";
import type { AgentTask } from "./task.ts";

/** Of this node's tasks in rotation, in the order given. */
export function hostRoutes(
  tasks: readonly AgentTask[],
  self: { readonly nodeId: NodeId; readonly dataAddress: string },
): readonly ServiceRoute[] {
  return tasks.flatMap((task): readonly ServiceRoute[] => {
    const assignment = task.assignment();
    const { state, inRotation } = task.status();
    if (assignment?.address === undefined || state !== "running" || inRotation !== true) return [];
    const ports = assignment.ports.filter(
      ({ mode, protocol }) => mode === "host" && protocol === "tcp",
    );
    if (ports.length === 0) return [];
    const { taskId, serviceId, serviceName: name, slot, address } = assignment;
    return [
      {
        // One row a task: another task of the service may hold another port of this node.
        serviceId: `${serviceId}.${slot}` as ServiceId,
        name,
        ports: ports.map(({ publishedPort, targetPort }) => ({ publishedPort, targetPort })),
        backends: [{ taskId, ...self, address }],
      },
    ];
  });
}

export function hasHostPorts(task: AgentTask): boolean {
  return task.assignment()?.ports.some(({ mode }) => mode === "host") === true;
}
