/**
 * The constraint enforcer: a task on a node that no longer meets its constraints (a label or role
 * was changed) is asked to end; the restart supervisor then gives its slot another. Nodes that
 * are paused or drained are left alone, as in Swarm: the first keeps what it has, the second
 * loses it anyway.
 */

import { isTerminal } from "@skein/common/model/task-state";
import { unmetConstraint } from "../scheduler/constraint.ts";
import { placementSpec } from "../scheduler/placement-spec.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import { inBatches } from "./batch.ts";
import type { DesiredItem } from "./fill-item.ts";
import { shutdownItems } from "./fill-item.ts";

export function enforce({ view }: DecideContext): Decided {
  const items: DesiredItem[] = [];
  for (const task of view.tasks.list()) {
    const { constraints } = placementSpec(view, task);
    if (constraints.length === 0 || task.nodeId === undefined) continue;
    if (task.pinnedTo !== undefined) continue; // Its slot goes: global.ts.
    const node = view.nodes.get(task.nodeId);
    if (node?.spec.availability !== "active" || isTerminal(task.status.state)) continue;
    const unmet = unmetConstraint(constraints, node);
    if (unmet === undefined) continue;
    const name = node.description.hostname;
    items.push(...shutdownItems(task, `node ${name} no longer satisfies ${unmet}`));
  }
  return { commands: inBatches(items, (batch) => ({ kind: "set-desired", items: batch })) };
}
