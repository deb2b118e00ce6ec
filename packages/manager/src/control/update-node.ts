/**
 * POST /nodes/{id}/update: labels and availability; a change of role is refused with the reason.
 */
import type { Node } from "@skein/common/model/node";
import { ok } from "@skein/common/result";
import type { CommandOf } from "../store/command.ts";
import type { Checked } from "./api-error.ts";
import { unsupported } from "./api-error.ts";
import { nodeName, readNodeSpec } from "./engine/node.ts";

export function updateNode(
  node: Node,
  body: unknown,
  version: number,
): Checked<CommandOf<"update-node">> {
  const spec = readNodeSpec(body);
  if (!spec.ok) return spec;
  if (spec.value.role !== node.spec.role) return refuseRole(node, spec.value.role);
  // The name is given at start and shown everywhere: a client that leaves it out does not end it.
  const name = spec.value.name ?? node.spec.name;
  const kept = name === undefined ? spec.value : { ...spec.value, name };
  return ok({ kind: "update-node", nodeId: node.id, version, spec: kept });
}

function refuseRole(node: Node, role: string): Checked<never> {
  const verb = role === "manager" ? "promote" : "demote";
  return unsupported(
    `Cannot ${verb} node ${nodeName(node)}: changing the role of a node is not supported yet: ` +
      "choose the number of managers when the cluster is made (skein up --managers N)",
  );
}
