/** What makes a cluster of an empty store. */
import type { NodeConfig } from "@skein/common/model/node-config";
import type { CommandOf } from "../store/command.ts";

export function firstCommand(config: NodeConfig): CommandOf<"init-cluster"> {
  const managers = (config.bootstrap ?? []).map((member) => ({
    nodeId: member.nodeId,
    raftId: member.raftId,
    name: member.nodeId,
    address: member.address,
  }));
  const cluster = {
    id: config.clusterId,
    name: config.clusterName,
    plane: config.plane,
    taskPool: config.taskPool,
    taskHistoryLimit: 5,
  };
  return { kind: "init-cluster", cluster, managers };
}
