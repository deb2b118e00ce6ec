/** A machine showed a join token: its node is known from here on, before it is heard of again. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { isRemoved, newNode } from "../node-writes.ts";
import { nodeRemoved } from "../refusal.ts";
import type { StoreView } from "../tables.ts";

/**
 * The same machine that asks again, its answer lost, is the same node (its id is the digest of its
 * key). One that was removed stays out: it has to come with another key.
 */
export function applyAdmitNode(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"admit-node">,
): Outcome {
  const { nodeId, role, name, address, availability } = command;
  if (isRemoved(view.cluster, nodeId)) return nodeRemoved(nodeId);
  const draft = new Draft(view, facts);
  if (view.nodes.get(nodeId) !== undefined) draft.skip(nodeId, "known already");
  else draft.nodes.put(newNode(draft, { nodeId, role, name, address, availability }));
  return draft.accept(nodeId);
}
