/** GET /networks: the one there is, against Docker's filters. */
import type { Cluster } from "@skein/common/model/cluster";
import { ingressNetwork, ingressNetworkId } from "./engine/network.ts";
import type { Filters } from "./filters.ts";
import { allLabels, anyOf } from "./filters.ts";

export const NETWORK_FILTERS = [
  "name",
  "id",
  "driver",
  "scope",
  "type",
  "label",
  "dangling",
] as const;

export function listNetworks(cluster: Cluster, filters: Filters): readonly object[] {
  const shown =
    anyOf(filters, "name", (part) => "ingress".includes(part)) &&
    anyOf(filters, "id", (prefix) => ingressNetworkId(cluster).startsWith(prefix)) &&
    anyOf(filters, "driver", (driver) => driver === "overlay") &&
    anyOf(filters, "scope", (scope) => scope === "swarm") &&
    anyOf(filters, "type", (type) => type === "builtin") &&
    anyOf(filters, "dangling", (value) => value === "false" || value === "0") &&
    allLabels(filters, "label", {});
  return shown ? [ingressNetwork(cluster)] : [];
}

export function isIngress(cluster: Cluster, reference: string): boolean {
  const id = ingressNetworkId(cluster);
  return reference === "ingress" || (reference.length > 7 && id.startsWith(reference));
}
