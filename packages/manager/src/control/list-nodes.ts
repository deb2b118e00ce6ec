/** GET /nodes: filters id, name, role, membership, label (of the engine) and node.label. */
import type { Node } from "@skein/common/model/node";
import { ok } from "@skein/common/result";
import type { ClusterView } from "../store/view.ts";
import type { Checked } from "./api-error.ts";
import { nodeName } from "./engine/node.ts";
import type { Filters } from "./filters.ts";
import { allLabels, anyOf, checkValues } from "./filters.ts";

export const NODE_FILTERS = ["id", "name", "role", "membership", "label", "node.label"] as const;

export function listNodes(view: ClusterView, filters: Filters): Checked<readonly Node[]> {
  const roles = checkValues(filters, "role", ["manager", "worker"]);
  if (!roles.ok) return roles;
  const memberships = checkValues(filters, "membership", ["accepted", "pending"]);
  if (!memberships.ok) return memberships;
  return ok(view.nodes.list().filter((node) => matches(node, filters)));
}

function matches(node: Node, filters: Filters): boolean {
  return (
    anyOf(filters, "id", (id) => node.id.startsWith(id)) &&
    anyOf(filters, "name", (prefix) => nodeName(node).startsWith(prefix)) &&
    anyOf(filters, "role", (role) => role === node.spec.role) &&
    anyOf(filters, "membership", (membership) => membership === "accepted") &&
    // Engines have no labels of their own yet: a filter on them matches no node.
    allLabels(filters, "label", {}) &&
    allLabels(filters, "node.label", node.spec.labels)
  );
}
