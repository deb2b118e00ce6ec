/** A new overlay network: its subnet, gateway and number on the wire are chosen here. */

import { NETWORK_VNI_FIRST, NETWORKS_MAX } from "../../limits.ts";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { networkNameTaken, networkRefused, networksExhausted } from "../refusal.ts";
import { chooseGateway, chooseSubnet, formatSubnet } from "../subnets.ts";
import type { StoreView } from "../tables.ts";

export function applyCreateNetwork(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"create-network">,
): Outcome {
  const { networkId, spec } = command;
  const networks = view.networks.list();
  if (view.networkByName(spec.name) !== undefined) return networkNameTaken(spec.name);
  if (view.networks.get(networkId) !== undefined) return networkNameTaken(networkId);
  if (networks.length >= NETWORKS_MAX) return networksExhausted(NETWORKS_MAX);
  const { taskPool: pool = "", plane = "loopback" } = view.cluster ?? {};
  const subnet = chooseSubnet({ pool, plane, networks }, spec.subnet);
  if (!subnet.ok) return networkRefused(spec.name, subnet.error);
  const gateway = chooseGateway(subnet.value, spec.gateway);
  if (!gateway.ok) return networkRefused(spec.name, gateway.error);
  const draft = new Draft(view, facts);
  draft.networks.put({
    id: networkId,
    ...draft.born(),
    spec,
    subnet: formatSubnet(subnet.value),
    gateway: gateway.value,
    vni: freeNumber(networks.map(({ vni }) => vni)),
    cursor: 0,
    resting: [],
  });
  return draft.accept(networkId);
}

/** The lowest that no network has, removed ones included: frames of two must never be mixed up. */
function freeNumber(taken: readonly number[]): number {
  const used = new Set(taken);
  let vni = NETWORK_VNI_FIRST;
  while (used.has(vni)) vni += 1;
  return vni;
}
