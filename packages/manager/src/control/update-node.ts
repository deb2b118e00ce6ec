/** POST /nodes/{id}/update: labels, availability and role. */

import { majorityOf } from "@skein/common/model/manager-count";
import type { Node } from "@skein/common/model/node";
import { ok } from "@skein/common/result";
import type { CommandOf } from "../store/command.ts";
import type { Checked } from "./api-error.ts";
import { badRequest } from "./api-error.ts";
import { readNodeSpec } from "./engine/node.ts";

export function updateNode(
  node: Node,
  body: unknown,
  version: number,
  managers: Managers,
): Checked<CommandOf<"update-node">> {
  const spec = readNodeSpec(body);
  if (!spec.ok) return spec;
  if (node.spec.role === "manager" && spec.value.role === "worker") {
    const loss = quorumLoss(node, managers);
    if (loss !== undefined) return badRequest(loss);
  }
  // The name is given at start and shown everywhere: a client that leaves it out does not end it.
  const name = spec.value.name ?? node.spec.name;
  const kept = name === undefined ? spec.value : { ...spec.value, name };
  return ok({ kind: "update-node", nodeId: node.id, version, spec: kept });
}

/** Voters by node id, and whether they answered lately. */
export interface Managers {
  readonly voters: readonly string[];
  readonly reachable: ReadonlyMap<string, boolean>;
}

/** Why the cluster could not go on without this voter; Docker's text, and the count. */
export function quorumLoss(node: Node, managers: Managers): string | undefined {
  if (!managers.voters.includes(node.id)) return undefined;
  const left = managers.voters.filter((id) => id !== node.id);
  if (left.length === 0) return undefined;
  const answering = left.filter((id) => managers.reachable.get(id) === true).length;
  const majority = majorityOf(left.length);
  if (answering >= majority) return undefined;
  return (
    "rpc error: code = FailedPrecondition desc = can't remove member from the raft: " +
    `this would result in a loss of quorum: ${answering} of the ${left.length} managers left ` +
    `would answer, ${majority} are needed: start the others first`
  );
}
