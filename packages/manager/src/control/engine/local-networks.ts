/**
 * The networks that every Docker node has of its own: `bridge`, `host` and `none`. Clients look for
 * them by name. Tasks are on none of them by choice: on the loopback plane all of them use the
 * node's own network, whose name is `host`.
 */
import { hexId } from "@skein/common/api/container";
import type { Cluster } from "@skein/common/model/cluster";
import { formatWall } from "./time.ts";

export interface LocalNetwork {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
}

const DRIVERS = { bridge: "bridge", host: "host", none: "null" } as const;

export function localNetworks(cluster: Cluster): readonly LocalNetwork[] {
  return Object.entries(DRIVERS).map(([name, driver]) => {
    return { id: hexId(`${cluster.id}/${name}`), name, driver };
  });
}

/** By name, id or the beginning of an id. */
export function findLocalNetwork(cluster: Cluster, reference: string): LocalNetwork | undefined {
  const all = localNetworks(cluster);
  const named = all.find(({ name }) => name === reference);
  if (named !== undefined || !/^[0-9a-f]{8,64}$/.test(reference)) return named;
  return all.find(({ id }) => id.startsWith(reference));
}

export function localNetworkToEngine(cluster: Cluster, network: LocalNetwork): object {
  return {
    Name: network.name,
    Id: network.id,
    Created: formatWall(cluster.createdAt),
    Scope: "local",
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: [] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: {},
    Options: {},
    Labels: {},
  };
}
