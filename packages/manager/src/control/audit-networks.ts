/** GET /skein/v1/networks/audit: who holds what of the address space, and what is wrong with it. */
import type { Network } from "@skein/common/model/network";
import { freeAddresses, stillResting } from "../store/network-addresses.ts";
import { networkFaults } from "../store/network-audit.ts";
import { formatSubnet, networkRange, taskRange } from "../store/subnets.ts";
import type { ClusterView } from "../store/view.ts";

export function auditNetworks(view: ClusterView): object {
  const pool = view.cluster?.taskPool ?? "";
  const range = networkRange(pool);
  return {
    pool,
    tasks: taskRange(pool),
    networksFrom: range === undefined ? "" : formatSubnet(range),
    networks: view.networks.list().map((network) => row(view, network)),
    findings: networkFaults(view),
  };
}

function row(view: ClusterView, network: Network): object {
  const isOn = ({ networkId }: { readonly networkId: string }) => networkId === network.id;
  const living = view.services.list().filter(({ removed }) => removed !== true);
  return {
    id: network.id,
    name: network.spec.name,
    subnet: network.subnet,
    removed: network.removedAt !== undefined,
    tasks: view.tasks.list().filter(({ networks = [] }) => networks.some(isOn)).length,
    services: living.filter(({ vips = [] }) => vips.some(isOn)).length,
    resting: stillResting(network, view.time).length,
    free: freeAddresses(network, view.networkHeld(network.id), view.time),
  };
}
