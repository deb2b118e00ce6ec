/** POST /nodes/{id}/update: labels, availability and role. */
import type { Node } from "@skein/common/model/node";
import { ok } from "@skein/common/result";
import type { CommandOf } from "../store/command.ts";
import type { Checked } from "./api-error.ts";
import { readNodeSpec } from "./engine/node.ts";

export function updateNode(
  node: Node,
  body: unknown,
  version: number,
): Checked<CommandOf<"update-node">> {
  const spec = readNodeSpec(body);
  if (!spec.ok) return spec;
  // The name is given at start and shown everywhere: a client that leaves it out does not end it.
  const name = spec.value.name ?? node.spec.name;
  const kept = name === undefined ? spec.value : { ...spec.value, name };
  return ok({ kind: "update-node", nodeId: node.id, version, spec: kept });
}
