/** A worker session began. */
import type { Node, NodeSpec } from "@skein/common/model/node";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { isRemoved, issuerSinceOf, sinceOf } from "../node-writes.ts";
import { nodeRemoved } from "../refusal.ts";
import { isSame } from "../same.ts";
import type { StoreView } from "../tables.ts";

/**
 * A session began. The spec belongs to the user from the first join on: a node that comes back
 * takes over nothing of it, or a drained node would be active again after each restart.
 */
export function applyJoinNode(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"join-node">,
): Outcome {
  const { nodeId, description, session } = command;
  if (isRemoved(view.cluster, nodeId)) return nodeRemoved(nodeId);
  const draft = new Draft(view, facts);
  const old = view.nodes.get(nodeId);
  const isFirst = old?.status.session === undefined;
  const manager = command.manager ?? old?.manager;
  const next: Node = {
    ...(old ?? draft.born()),
    id: nodeId,
    specIndex: isFirst ? facts.index : (old.specIndex ?? old.version),
    spec: isFirst ? firstSpec(old, command) : old.spec,
    description,
    status: { state: "ready", message: "", session, since: sinceOf(old?.status, "ready", facts) },
    ...(manager === undefined ? {} : { manager }),
    ...issuerSinceOf(old, description, facts),
  };
  if (isSame(next, old)) draft.skip(nodeId, "unchanged");
  else draft.nodes.put(next);
  return draft.accept(nodeId);
}

/** A first manager's row was there before it joined: it may have labels and a role by now. */
function firstSpec(old: Node | undefined, command: CommandOf<"join-node">): NodeSpec {
  const { name, availability } = command;
  return { labels: {}, role: command.role, ...old?.spec, name, availability };
}
