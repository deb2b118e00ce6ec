/**
 * The one network there is, in the Engine API's shape: every published port and every task is on
 * it.
 */
import type { Cluster } from "@skein/common/model/cluster";
import { formatWall } from "./time.ts";

/** Stable over restarts and unlike any other id: made from the cluster's. */
export function ingressNetworkId(cluster: Cluster): string {
  return `ingress${cluster.id.slice(7)}`;
}

export function ingressNetwork(cluster: Cluster): object {
  return {
    Name: "ingress",
    Id: ingressNetworkId(cluster),
    Created: formatWall(cluster.createdAt),
    Scope: "swarm",
    Driver: "overlay",
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: [{ Subnet: cluster.taskPool }] },
    Internal: false,
    Attachable: false,
    Ingress: true,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: {},
    Options: { "skein.plane": cluster.plane },
    Labels: {},
  };
}
