/**
 * Who is where in a local cluster: names, addresses 127.0.k.n, ports, and each node's `node.json`.
 */
import type { ClusterId } from "@skein/common/ids";
import { nodeId, raftId } from "@skein/common/ids";
import type { NodeConfig, RaftMember } from "@skein/common/model/node-config";
import { nodeSocket } from "./paths.ts";

export interface NodePorts {
  readonly managerPort: number;
  readonly controlPort: number;
  readonly dataPort: number;
}

/**
 * Docker Swarm's ports, and what takes their place where another program, such as a real Docker,
 * listens on them at every address.
 */
export const PORT_CHOICES: readonly NodePorts[] = [0, 10_000, 20_000].map((offset) => ({
  managerPort: 2377 + offset,
  controlPort: 7946 + offset,
  dataPort: 4789 + offset,
}));

export interface LayoutOptions {
  /** The directory that holds the nodes' sockets. */
  readonly sockets: string;
  readonly name: string;
  readonly index: number;
  readonly ports: NodePorts;
  readonly managers: number;
  readonly workers: number;
  readonly clusterId: ClusterId;
  /** Where tasks without a working directory start. */
  readonly directory: string;
  readonly newId: () => string;
}

/** "127.0.k.n", n counting from 1: managers first. */
export function nodeAddress(index: number, at: number): string {
  return `127.0.${index}.${at + 1}`;
}

/** The k of "127.0.k.n". */
export function indexOf(address: string): number {
  return Number(address.split(".")[2]);
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
    address: nodeAddress(options.index, at),
  }));
  const members: readonly RaftMember[] = nodes
    .filter((node) => node.role === "manager")
    .map((node) => ({
      raftId: raftId(options.newId()),
      nodeId: node.nodeId,
      address: `${node.address}:${options.ports.managerPort}`,
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
    ...options.ports,
    apiSocket: nodeSocket(options.sockets, node.name),
    plane: "loopback",
    taskPool: `10.${64 + options.index}.0.0/16`,
    managers: members.map((member) => member.address),
    defaultDirectory: options.directory,
    local: true,
  };
}

/** What the processes of a node listen on. */
export function listensOn(node: NodePorts & Pick<NodeConfig, "role">): readonly number[] {
  const { managerPort, controlPort, dataPort } = node;
  return node.role === "manager" ? [managerPort, controlPort, dataPort] : [controlPort, dataPort];
}
