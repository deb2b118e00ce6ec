/**
 * `node.json`: what a process needs to know of its node before it can talk to anyone. Written by
 * `skein up` (later by `swarm init` and `join`); the same file serves the manager and the worker
 * process.
 */
import * as v from "valibot";
import type { ClusterId, NodeId, RaftId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, id, shortText, text } from "../wire/schema.ts";
import { availabilitySchema, roleSchema } from "./node.ts";

export const raftMemberSchema = v.object({
  raftId: id<RaftId>(),
  nodeId: id<NodeId>(),
  /** "127.0.1.1:2377" */
  address: shortText,
});
export type RaftMember = Decoded<typeof raftMemberSchema>;

export const nodeConfigSchema = v.object({
  schema: v.literal(1),
  clusterId: id<ClusterId>(),
  clusterName: shortText,
  nodeId: id<NodeId>(),
  /** Host name shown to people: "manager-1". */
  name: shortText,
  role: roleSchema,
  /** Availability the node asks for when it first appears. */
  availability: availabilitySchema,
  /** Where others reach this node. */
  address: shortText,
  /** Where it listens, when that is another one: behind a translated address. */
  listenAddress: v.exactOptional(shortText),
  managerPort: count,
  controlPort: count,
  dataPort: count,
  /** Absolute path of the Engine API socket, within 100 bytes. */
  apiSocket: text,
  plane: v.picklist(["loopback", "rootless", "kernel"]),
  taskPool: shortText,
  /** Managers to dial first: "127.0.1.1:2377". */
  managers: v.array(shortText),
  /** This node's Raft member, when it is a manager. */
  raftId: v.exactOptional(id<RaftId>()),
  /** The first configuration of the cluster; used only by a manager whose log is empty. */
  bootstrap: v.exactOptional(v.array(raftMemberSchema)),
  /** Where a task without a working directory starts; `service inspect` shows it. */
  defaultDirectory: v.exactOptional(text),
  /** True in a local cluster: the launcher holds 127.0.0.1:<published> and hands it over by IPC. */
  local: v.boolean(),
});
export type NodeConfig = Decoded<typeof nodeConfigSchema>;

export function listenHost(config: Pick<NodeConfig, "address" | "listenAddress">): string {
  return config.listenAddress ?? config.address;
}
