/** The first command of a cluster. */
import { nodeId } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { newNode } from "../node-writes.ts";
import { clusterExists } from "../refusal.ts";
import type { StoreView } from "../tables.ts";

type InitCluster = CommandOf<"init-cluster">;

/** Makes the cluster row, and a node row for each first manager, to be completed when it joins. */
export function applyInitCluster(view: StoreView, facts: Facts, command: InitCluster): Outcome {
  if (view.cluster !== undefined) return clusterExists();
  const draft = new Draft(view, facts);
  draft.putCluster({
    ...draft.born(),
    ...command.cluster,
    // Every first manager reads at least the version in which it is told to begin.
    clusterVersion: facts.commandVersion,
  });
  for (const manager of command.managers) draft.nodes.put(managerNode(draft, manager));
  return draft.accept(command.cluster.id);
}

function managerNode(draft: Draft, manager: InitCluster["managers"][number]): Node {
  const { name, address } = manager;
  const node = newNode(draft, {
    nodeId: nodeId(manager.nodeId),
    role: "manager",
    name,
    address: address.replace(/:\d+$/, ""),
    // Drained until it joins and says what it wants to be: nothing may be placed there before.
    availability: "drain",
  });
  return { ...node, manager: { raftId: manager.raftId, address } };
}
