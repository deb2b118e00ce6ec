/** Which nodes are managers, or are to be. */
import type { NodeId } from "@skein/common/ids";
import type { ClusterView } from "./view.ts";

/** Whether the cluster would have no manager without this node. */
export function isLastManager(view: ClusterView, id: NodeId): boolean {
  const managers = view.nodes.list().filter((node) => node.spec.role === "manager");
  return managers.length === 1 && managers[0]?.id === id;
}
