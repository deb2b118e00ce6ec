/**
 * The address space, audited the slow and obvious way: every holder is counted anew. The store's
 * invariants after each command in tests, and `skein network doctor` on a living cluster.
 */
import type { NetworkAddress } from "@skein/common/model/network";
import { formatSubnet, parseAddress, parseSubnet, taskRange } from "./subnets.ts";
import type { ClusterView } from "./view.ts";

/** N1, N3, U1, and the index of holders. */
export function networkFaults(view: ClusterView): readonly string[] {
  const networks = view.networks.list();
  const living = view.services.list().filter(({ removed }) => removed !== true);
  const held = [...view.tasks.list(), ...living].flatMap((row) =>
    "vips" in row ? (row.vips ?? []) : "networks" in row ? (row.networks ?? []) : [],
  );
  const subnets = [taskRange(view.cluster?.taskPool ?? ""), ...networks.map((one) => one.subnet)]
    .flatMap((cidr) => parseSubnet(cidr) ?? [])
    .toSorted((a, b) => a.base - b.base);
  const names = networks.filter((one) => one.removedAt === undefined).map(({ spec }) => spec.name);
  return [
    ...repeated(held.map(({ address }) => address)).map((address) => `address ${address} twice`),
    ...repeated(names).map((name) => `network name ${name} twice`),
    ...repeated(networks.map(({ vni }) => String(vni))).map((vni) => `network ${vni} twice`),
    ...subnets
      .filter((subnet, at) => subnet.base + subnet.size > (subnets[at + 1]?.base ?? Infinity))
      .map((subnet) => `subnet ${formatSubnet(subnet)} overlaps with the next`),
    ...held.flatMap((one) => strayAddress(view, one)),
    ...networks
      .filter(({ id }) => view.networkHeld(id) !== held.filter((h) => h.networkId === id).length)
      .map(({ id }) => `network ${id} counts ${view.networkHeld(id)} addresses wrongly`),
  ];
}

function strayAddress(view: ClusterView, { networkId, address }: NetworkAddress) {
  const network = view.networks.get(networkId);
  const subnet = parseSubnet(network?.subnet ?? "");
  const host = (parseAddress(address) ?? -1) - (subnet?.base ?? 0);
  const isInside = subnet !== undefined && host > 0 && host < subnet.size - 1;
  return isInside && address !== network?.gateway ? [] : [`address ${address} is in no network`];
}

function repeated(values: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.size === seen.add(value).size);
}
