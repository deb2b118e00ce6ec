/** Who is where in a local cluster: names, addresses 127.0.k.n, ports, and each node's `node.json`. */
import type { ClusterId } from "@skein/common/ids";
import { nodeId, raftId } from "@skein/common/ids";
import type { NodeConfig, RaftMember } from "@skein/common/model/node-config";
import { nodeSocket } from "./paths.ts";

export const MANAGER_PORT = 2377;
export const CONTROL_PORT = 7946;
export const DATA_PORT = 4789;

export interface LayoutOptions {
  readonly stateDir: string;
  readonly name: string;
  readonly index: number;
  readonly managers: number;
  readonly workers: number;
  readonly clusterId: ClusterId;
  /** Where tasks without a working directory start. */
  readonly directory: string;
  readonly newId: () => string;
}

/** One `NodeConfig` per node: managers first, drained when there are workers to do the work. */
export function layOut(options: LayoutOptions): readonly NodeConfig[] {
  const names = [
    ...Array.from({ length: options.managers }, (_, at) => `manager-${at + 1}`),
    ...Array.from({ length: options.workers }, (_, at) => `worker-${at + 1}`),
  ];
  const nodes = names.map((name, at) => ({
    name,
    role: at < options.managers ? ("manager" as const) : ("worker" as const),
    nodeId: nodeId(options.newId()),
    address: `127.0.${options.index}.${at + 1}`,
  }));
  const members: readonly RaftMember[] = nodes
    .filter((node) => node.role === "manager")
    .map((node) => ({
      raftId: raftId(options.newId()),
      nodeId: node.nodeId,
      address: `${node.address}:${MANAGER_PORT}`,
    }));
  return nodes.map((node) => {
    const base = baseConfig(options, members, node);
    const member = members.find((candidate) => candidate.nodeId === node.nodeId);
    return member === undefined ? base : { ...base, raftId: member.raftId, bootstrap: members };
  });
}

function baseConfig(
  options: LayoutOptions,
  members: readonly RaftMember[],
  node: Pick<NodeConfig, "name" | "role" | "nodeId" | "address">,
): NodeConfig {
  return {
    schema: 1,
    clusterId: options.clusterId,
    clusterName: options.name,
    ...node,
    availability: node.role === "manager" && options.workers > 0 ? "drain" : "active",
    managerPort: MANAGER_PORT,
    controlPort: CONTROL_PORT,
    dataPort: DATA_PORT,
    apiSocket: nodeSocket(options.stateDir, node.name),
    plane: "loopback",
    taskPool: `10.${64 + options.index}.0.0/16`,
    managers: members.map((member) => member.address),
    defaultDirectory: options.directory,
    local: true,
  };
}
