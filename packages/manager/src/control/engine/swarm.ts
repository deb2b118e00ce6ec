/** The cluster in the Engine API's shape: the `Swarm` part of `/info`. */
import type { Cluster } from "@skein/common/model/cluster";
import type { Node } from "@skein/common/model/node";
import type { NodeConfig } from "@skein/common/model/node-config";
import { ENTRIES_KEPT_FOR_FOLLOWERS, SNAPSHOT_INTERVAL_ENTRIES } from "../../limits.ts";
import { formatWall, toNanoseconds } from "./time.ts";

export interface SwarmFacts {
  readonly config: NodeConfig;
  readonly cluster: Cluster | undefined;
  readonly nodes: readonly Node[];
  /** Docker's "no leader" text while there is none, else "". */
  readonly error: string;
}

export function swarmInfo(facts: SwarmFacts): object {
  const { config, cluster, nodes } = facts;
  const managers = nodes.filter((node) => node.manager !== undefined);
  return {
    NodeID: config.nodeId,
    NodeAddr: config.address,
    LocalNodeState: "active",
    ControlAvailable: true,
    Error: facts.error,
    RemoteManagers: managers.map((node) => ({
      NodeID: node.id,
      Addr: node.manager?.address ?? "",
    })),
    Nodes: nodes.length,
    Managers: managers.length,
    ...(cluster === undefined ? {} : { Cluster: clusterToEngine(cluster) }),
  };
}

export function clusterToEngine(cluster: Cluster): object {
  const { trust } = cluster;
  return {
    ID: cluster.id,
    Version: { Index: cluster.version },
    CreatedAt: formatWall(cluster.createdAt),
    UpdatedAt: formatWall(cluster.updatedAt),
    // Docker's clients refuse any other name; ours is on /skein/v1/status.
    Spec: {
      Name: "default",
      Labels: cluster.labels ?? {},
      Orchestration: { TaskHistoryRetentionLimit: cluster.taskHistoryLimit },
      Raft: {
        SnapshotInterval: SNAPSHOT_INTERVAL_ENTRIES,
        KeepOldSnapshots: 0,
        LogEntriesForSlowFollowers: ENTRIES_KEPT_FOR_FOLLOWERS,
        ElectionTick: 10,
        HeartbeatTick: 1,
      },
      Dispatcher: { HeartbeatPeriod: toNanoseconds(1000) },
      CAConfig:
        trust === undefined
          ? {}
          : {
              NodeCertExpiry: toNanoseconds(trust.certificateLifeMs),
              ForceRotate: trust.forceRotate,
            },
      TaskDefaults: {},
      EncryptionConfig: { AutoLockManagers: false },
    },
    TLSInfo: {},
    RootRotationInProgress: trust?.next !== undefined,
    DefaultAddrPool: [cluster.taskPool],
    SubnetSize: Number(cluster.taskPool.split("/")[1] ?? "16"),
    DataPathPort: 0,
  };
}
