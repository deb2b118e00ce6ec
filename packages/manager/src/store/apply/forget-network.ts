/** The last step of a network's removal: its row goes, and its subnet is free. */
import { ADDRESS_REST_MS } from "../../limits.ts";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";

export function applyForgetNetwork(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"forget-network">,
): Outcome {
  const draft = new Draft(view, facts);
  const { networkId } = command;
  const network = view.networks.get(networkId);
  const removedAt = network?.removedAt;
  if (network === undefined) draft.skip(networkId, "network is gone");
  else if (removedAt === undefined) draft.skip(networkId, "network is not removed");
  else if (view.networkHeld(networkId) > 0) draft.skip(networkId, "addresses are held");
  else if (restingUntil(network.resting, removedAt) > facts.time) {
    draft.skip(networkId, "addresses rest");
  } else draft.networks.remove(networkId);
  return draft.accept(networkId);
}

/** When the last address given back, or the network itself, has rested. */
export function restingUntil(
  resting: readonly { readonly since: number }[],
  removedAt: number,
): number {
  const latest = resting.reduce((most, { since }) => Math.max(most, since), removedAt);
  return latest + ADDRESS_REST_MS;
}
