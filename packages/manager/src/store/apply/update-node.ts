/** A user changes the spec of a node: labels, availability and role. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { isLastManager } from "../managers.ts";
import { lastManager, nodeNotFound, versionConflict } from "../refusal.ts";
import { isReadVersion } from "../same.ts";
import type { StoreView } from "../tables.ts";

export function applyUpdateNode(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"update-node">,
): Outcome {
  const node = view.nodes.get(command.nodeId);
  if (node === undefined) return nodeNotFound(command.nodeId);
  const { version, specIndex = version } = node;
  if (!isReadVersion(command.version, { version, specIndex })) return versionConflict();
  if (command.spec.role === "worker" && isLastManager(view, node.id)) return lastManager();
  const draft = new Draft(view, facts);
  draft.nodes.put({ ...node, spec: command.spec, specIndex: facts.index });
  return draft.accept(node.id);
}
