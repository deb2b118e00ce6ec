/** The first command of a cluster. */
import { nodeId } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
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
  return {
    id: nodeId(manager.nodeId),
    ...draft.born(),
    specIndex: draft.facts.index,
    // Drained until it joins and says what it wants to be: nothing may be placed there before.
    spec: { name: manager.name, labels: {}, role: "manager", availability: "drain" },
    description: {
      hostname: manager.name,
      architecture: "",
      os: "",
      nanoCpus: 0,
      memoryBytes: 0,
      engineVersion: "",
      address: manager.address.replace(/:\d+$/, ""),
      controlAddress: "",
      dataAddress: "",
      hostKey: "",
    },
    status: { state: "unknown", message: "has not joined yet", since: draft.facts.time },
    manager: { raftId: manager.raftId, address: manager.address },
  };
}
