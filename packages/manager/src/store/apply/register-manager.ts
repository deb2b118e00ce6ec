/**
 * A manager process enters or leaves a node's row. Raft's configuration follows the rows, never the
 * other way round: the membership controller compares the two.
 */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { nodeNotFound, nodeNotManager, raftIdTaken } from "../refusal.ts";
import { isSame } from "../same.ts";
import type { StoreView } from "../tables.ts";

export function applyRegisterManager(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"register-manager">,
): Outcome {
  const { manager } = command;
  const node = view.nodes.get(command.nodeId);
  if (node === undefined) return nodeNotFound(command.nodeId);
  if (node.spec.role !== "manager") return nodeNotManager(node.id);
  const holder = view.nodes.list().find((one) => one.manager?.raftId === manager.raftId);
  if (holder !== undefined && holder.id !== node.id) return raftIdTaken(manager.raftId, holder.id);
  const draft = new Draft(view, facts);
  if (isSame(manager, node.manager)) draft.skip(node.id, "unchanged");
  else draft.nodes.put({ ...node, manager });
  return draft.accept(node.id);
}

export function applyUnregisterManager(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"unregister-manager">,
): Outcome {
  const draft = new Draft(view, facts);
  const node = view.nodes.get(command.nodeId);
  if (node === undefined) draft.skip(command.nodeId, "node is gone");
  else if (node.manager?.raftId !== command.raftId) draft.skip(node.id, "another Raft id");
  else if (node.spec.role === "manager") draft.skip(node.id, "it is to be a manager");
  else {
    const { manager: _gone, ...rest } = node;
    draft.nodes.put(rest);
  }
  return draft.accept(command.nodeId);
}
