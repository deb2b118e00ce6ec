/** The leader's judgement of a node. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { sinceOf } from "../node-writes.ts";
import { isSame } from "../same.ts";
import type { StoreView } from "../tables.ts";

/** The leader's judgement of one session; a node that has a newer one is not judged by it. */
export function applySetNodeState(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"set-node-state">,
): Outcome {
  const draft = new Draft(view, facts);
  const node = view.nodes.get(command.nodeId);
  const { session } = command;
  if (node === undefined) {
    draft.skip(command.nodeId, "node is gone");
  } else if (session !== undefined && session !== node.status.session) {
    draft.skip(command.nodeId, "node has another session");
  } else {
    const { state, message } = command;
    const since = sinceOf(node.status, state, facts);
    const status = { ...node.status, state, message, since };
    if (isSame(status, node.status)) draft.skip(command.nodeId, "unchanged");
    else draft.nodes.put({ ...node, status });
  }
  return draft.accept(command.nodeId);
}
