/** A user removes a network. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { networkInUse, networkNotFound } from "../refusal.ts";
import type { StoreView } from "../tables.ts";

/**
 * Its name is free at once. Tasks of removed services may still end in it (Docker: a network can go
 * right after its services), so the row stays until the allocator finds that nobody is left.
 */
export function applyRemoveNetwork(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"remove-network">,
): Outcome {
  const { networkId } = command;
  const network = view.networks.get(networkId);
  if (network === undefined || network.removedAt !== undefined) return networkNotFound(networkId);
  const user = view.services.list().find(({ spec, removed }) => {
    return removed !== true && spec.task.networks?.some((wish) => wish.networkId === networkId);
  });
  if (user !== undefined) return networkInUse(networkId, user);
  const draft = new Draft(view, facts);
  draft.networks.put({ ...network, removedAt: facts.time });
  return draft.accept(networkId);
}
