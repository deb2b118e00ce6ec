/** GET /networks: the built-in one and those users made, against Docker's filters. */
import type { Cluster } from "@skein/common/model/cluster";
import type { Network } from "@skein/common/model/network";
import { ok } from "@skein/common/result";
import type { ClusterView } from "../store/view.ts";
import type { Checked } from "./api-error.ts";
import { badRequest, notFound } from "./api-error.ts";
import { findLocalNetwork, localNetworks, localNetworkToEngine } from "./engine/local-networks.ts";
import {
  INGRESS,
  ingressNetwork,
  ingressNetworkId,
  networkMembers,
  networkToEngine,
} from "./engine/network.ts";
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

interface Row {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly scope: "swarm" | "local";
  readonly type: "builtin" | "custom";
  readonly labels: Readonly<Record<string, string>>;
  readonly inUse: boolean;
  readonly shape: object;
}

export function listNetworks(view: ClusterView, filters: Filters): readonly object[] {
  const used = new Set(
    view.services
      .list()
      .filter(({ removed }) => removed !== true)
      .flatMap(({ spec }) => spec.task.networks ?? [])
      .map(({ networkId }) => networkId),
  );
  const made = livingNetworks(view).map(
    (network): Row => ({
      id: network.id,
      name: network.spec.name,
      driver: "overlay",
      scope: "swarm",
      type: "custom",
      labels: network.spec.labels,
      inUse: used.has(network.id),
      shape: networkToEngine(network),
    }),
  );
  return [...builtIn(view.cluster), ...made, ...local(view.cluster)]
    .filter((row) => passes(row, filters))
    .map(({ shape }) => shape);
}

function builtIn(cluster: Cluster | undefined): readonly Row[] {
  if (cluster === undefined) return [];
  const id = ingressNetworkId(cluster);
  const shape = ingressNetwork(cluster);
  const where = { driver: "overlay", scope: "swarm" } as const;
  return [{ id, name: INGRESS, ...where, type: "builtin", labels: {}, inUse: false, shape }];
}

function local(cluster: Cluster | undefined): readonly Row[] {
  if (cluster === undefined) return [];
  return localNetworks(cluster).map((network) => ({
    ...network,
    scope: "local",
    type: "builtin",
    labels: {},
    inUse: true,
    shape: localNetworkToEngine(cluster, network),
  }));
}

function passes(row: Row, filters: Filters): boolean {
  const dangling = (value: string) => (value === "true" || value === "1") !== row.inUse;
  return (
    anyOf(filters, "name", (part) => row.name.includes(part)) &&
    anyOf(filters, "id", (prefix) => row.id.startsWith(prefix)) &&
    anyOf(filters, "driver", (driver) => driver === row.driver) &&
    anyOf(filters, "scope", (scope) => scope === row.scope) &&
    anyOf(filters, "type", (type) => type === row.type) &&
    anyOf(filters, "dangling", dangling) &&
    allLabels(filters, "label", row.labels)
  );
}

export function livingNetworks(view: ClusterView): readonly Network[] {
  return view.networks.list().filter((network) => network.removedAt === undefined);
}

export function isIngress(cluster: Cluster, reference: string): boolean {
  const id = ingressNetworkId(cluster);
  return reference === INGRESS || (reference.length > 7 && id.startsWith(reference));
}

/** A full id, else an exact name, else the beginning of an id. */
export function resolveNetwork(view: ClusterView, reference: string): Checked<Network> {
  const networks = livingNetworks(view);
  const exact = networks.find(({ id }) => id === reference) ?? view.networkByName(reference);
  if (exact !== undefined) return ok(exact);
  const [first, ...others] = networks.filter(({ id }) => id.startsWith(reference));
  if (first === undefined || reference === "") return notFound("network", reference);
  if (others.length === 0) return ok(first);
  return badRequest(`network ${reference} is ambiguous (${others.length + 1} matches found)`);
}

export interface Inspection {
  readonly reference: string;
  readonly verbose: boolean;
  readonly scope: string;
}

export function inspectNetwork(view: ClusterView, asked: Inspection): Checked<object> {
  const { reference, verbose, scope } = asked;
  const own = view.cluster && findLocalNetwork(view.cluster, reference);
  if (view.cluster !== undefined && own !== undefined && scope !== "swarm") {
    return ok(localNetworkToEngine(view.cluster, own));
  }
  if (scope !== "" && scope !== "swarm") return notFound("network", reference);
  if (view.cluster !== undefined && isIngress(view.cluster, reference)) {
    return ok(ingressNetwork(view.cluster));
  }
  const found = resolveNetwork(view, reference);
  if (!found.ok) return found;
  return ok(verbose ? networkMembers(view, found.value) : networkToEngine(found.value));
}
