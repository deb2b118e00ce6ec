/**
 * Addresses on overlay networks: of tasks, and of services (virtual ones).
 *
 * Invariants:
 *   N1. An address is held by at most one task or service.
 *   N2. One that was given back is not given again for `ADDRESS_REST_MS` of store time: by then no
 *       table, cache or connection of any node means its former holder.
 *   N3. Neither the first and last of the subnet nor the gateway is given.
 *   N4. A task gets all its addresses or none: half an attachment would be reachable under some
 *       of its names.
 */
import type { NetworkId } from "@skein/common/ids";
import type { Network, Resting } from "@skein/common/model/network";
import { ADDRESS_REST_MS } from "../limits.ts";
import type { Subnet } from "./subnets.ts";
import { formatAddress, parseAddress, parseSubnet } from "./subnets.ts";

/** How many addresses of the network could be given at `now`, if `held` of them are. */
export function freeAddresses(network: Network, held: number, now: number): number {
  const subnet = parseSubnet(network.subnet);
  if (subnet === undefined) return 0;
  return Math.max(0, usable(subnet) - held - stillResting(network, now).length);
}

/** When the next address of the network has rested; undefined: none rests. */
export function restedAt(network: Network): number | undefined {
  const [first, ...others] = network.resting;
  if (first === undefined) return undefined;
  const since = others.reduce((least, one) => Math.min(least, one.since), first.since);
  return since + ADDRESS_REST_MS;
}

/** Why a task waits, for `service ps`. */
export function exhausted(network: Network, held: number, now: number): string {
  const resting = stillResting(network, now).length;
  const rests = resting === 0 ? "" : `, ${resting} rest for ${ADDRESS_REST_MS / 1000} s`;
  return (
    `no address free in network ${network.spec.name} (${network.subnet}): ` +
    `${held} in use${rests}`
  );
}

export function stillResting(network: Network, now: number): readonly Resting[] {
  return network.resting.filter((one) => one.since + ADDRESS_REST_MS > now);
}

/** All but network, broadcast and gateway address. */
function usable(subnet: Subnet): number {
  return subnet.size - 3;
}

export interface Lease {
  /** The network with its search moved on; undefined when no address is free. */
  readonly network: Network;
  readonly address: string;
}

export function lease(
  network: Network,
  now: number,
  isHeld: (address: string) => boolean,
): Lease | undefined {
  const subnet = parseSubnet(network.subnet);
  if (subnet === undefined) return undefined;
  const resting = stillResting(network, now);
  const barred = new Set(resting.map(({ host }) => host));
  barred.add((parseAddress(network.gateway) ?? subnet.base) - subnet.base);
  const span = subnet.size - 2;
  for (let step = 0; step < span; step += 1) {
    const host = 1 + ((Math.max(1, network.cursor) - 1 + step) % span);
    const address = formatAddress(subnet.base + host);
    if (barred.has(host) || isHeld(address)) continue;
    return { network: { ...network, cursor: (host % span) + 1, resting }, address };
  }
  return undefined;
}

/** The network with the address put to rest (N2). */
export function rest(network: Network, address: string, now: number): Network {
  const subnet = parseSubnet(network.subnet);
  const value = parseAddress(address);
  if (subnet === undefined || value === undefined) return network;
  const host = value - subnet.base;
  const others = stillResting(network, now).filter((one) => one.host !== host);
  return { ...network, resting: [...others, { host, since: now }] };
}

/** Who holds what, over all networks: an index of the tables. */
export class AddressHolders {
  readonly #holders = new Map<string, string>();
  readonly #counts = new Map<NetworkId, number>();

  holder(address: string): string | undefined {
    return this.#holders.get(address);
  }

  held(network: NetworkId): number {
    return this.#counts.get(network) ?? 0;
  }

  take(network: NetworkId, address: string, holder: string): void {
    if (!this.#holders.has(address)) this.#counts.set(network, this.held(network) + 1);
    this.#holders.set(address, holder);
  }

  /** Only by the holder: in one commit its successor's row may come before its own. */
  release(network: NetworkId, address: string, holder: string): void {
    if (this.#holders.get(address) !== holder) return;
    this.#holders.delete(address);
    const left = this.held(network) - 1;
    if (left > 0) this.#counts.set(network, left);
    else this.#counts.delete(network);
  }
}
