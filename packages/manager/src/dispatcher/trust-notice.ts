/** What a node is told of its role, of the roots to trust and of the nodes to refuse. */
import type { NodeId } from "@skein/common/ids";
import type { TrustNotice } from "@skein/common/wire/dispatch-messages";
import type { Change, ClusterView } from "../store/view.ts";

/** Undefined in a cluster that has no authority of its own. */
export function trustNotice(view: ClusterView, nodeId: NodeId): TrustNotice | undefined {
  const { trust, removed } = view.cluster ?? {};
  const node = view.nodes.get(nodeId);
  if (trust === undefined || node === undefined) return undefined;
  // A member of the managers' quorum stays a manager until it has left it.
  const isManager = node.spec.role === "manager" || node.manager !== undefined;
  return {
    kind: "trust",
    role: isManager ? "manager" : "worker",
    roots: `${trust.rootPem}${trust.next?.rootPem ?? ""}`,
    signer: trust.next?.rootPem ?? trust.rootPem,
    removed: (removed ?? []).map((one) => one.nodeId),
  };
}

/** Whether `change` may give the node another notice than before. */
export function isTrustChange(change: Change, nodeId: NodeId): boolean {
  if (change.table === "cluster") return true;
  if (change.table !== "node" || change.id !== nodeId) return false;
  return roleOf(change.before) !== roleOf(change.after);
}

/** Rows of a change are of their table's type, which it does not carry. */
function roleOf(row: unknown): string {
  const node = row as { readonly spec: { readonly role: string }; readonly manager?: unknown };
  return row === undefined ? "" : `${node.spec.role} ${node.manager !== undefined}`;
}
