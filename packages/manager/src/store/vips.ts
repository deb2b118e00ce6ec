/**
 * Virtual addresses of services: one for each network, kept over updates, since clients hold on to
 * what a name once resolved to.
 */
import type { NetworkAddress } from "@skein/common/model/network";
import type { Service, ServiceSpec } from "@skein/common/model/service";
import type { Result } from "@skein/common/result";
import { ok } from "@skein/common/result";
import type { Refusal } from "./command.ts";
import type { Draft } from "./draft.ts";
import { addressesExhausted, networkNotFound } from "./refusal.ts";

/** What the service's row says. `old`: the service being updated. */
export function assignVips(
  draft: Draft,
  spec: ServiceSpec,
  old?: Service,
): Result<{ readonly vips?: readonly NetworkAddress[] }, Refusal> {
  const wished = (spec.task.networks ?? []).map(({ networkId }) => networkId);
  for (const id of wished) {
    const network = draft.networks.get(id);
    if (network === undefined || network.removedAt !== undefined) return networkNotFound(id);
  }
  const wanted = spec.endpointMode === "vip" ? wished : [];
  const held = old?.vips ?? [];
  const kept = held.filter(({ networkId }) => wanted.includes(networkId));
  const missing = wanted.filter((id) => !kept.some(({ networkId }) => networkId === id));
  const taken = draft.takeNetworkAddresses(missing);
  if (!taken.ok) return addressesExhausted(taken.error);
  draft.releaseNetworkAddresses(held.filter((one) => !kept.includes(one)));
  const all = [...kept, ...taken.value];
  const vips = wanted.flatMap((id) => all.find(({ networkId }) => networkId === id) ?? []);
  return ok(vips.length === 0 ? {} : { vips });
}
