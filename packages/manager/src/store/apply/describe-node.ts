/** What a node says of itself changed while its session goes on. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { issuerSinceOf } from "../node-writes.ts";
import { isSame } from "../same.ts";
import type { StoreView } from "../tables.ts";

export function applyDescribeNode(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"describe-node">,
): Outcome {
  const { nodeId, session, description } = command;
  const draft = new Draft(view, facts);
  const node = view.nodes.get(nodeId);
  if (node === undefined) draft.skip(nodeId, "node is gone");
  else if (node.status.session !== session) draft.skip(nodeId, "node has another session");
  else if (isSame(description, node.description)) draft.skip(nodeId, "unchanged");
  else draft.nodes.put({ ...node, description, ...issuerSinceOf(node, description, facts) });
  return draft.accept(nodeId);
}
