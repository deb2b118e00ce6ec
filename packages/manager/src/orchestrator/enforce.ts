/**
 * The constraint enforcer: a task on a node that no longer meets its constraints (a label or role
 * was changed) is asked to end; the restart supervisor then gives its slot another. Nodes that
 * are paused or drained are left alone, as in Swarm: the first keeps what it has, the second
 * loses it anyway.
 */

import type { Service } from "@skein/common/model/service";
import { isTerminal } from "@skein/common/model/task-state";
import { unmetConstraint } from "../scheduler/constraint.ts";
import { placementSpec } from "../scheduler/placement-spec.ts";
import type { Command } from "../store/command.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import type { AtRest } from "./at-rest.ts";
import { eachService } from "./at-rest.ts";
import { inBatches } from "./batch.ts";
import type { DesiredItem } from "./fill-item.ts";
import { shutdownItems } from "./fill-item.ts";

const atRest: AtRest = new WeakMap();

export function enforce(context: DecideContext): Decided {
  return eachService(atRest, context, (service) => ({ commands: decideOne(context, service) }));
}

function decideOne({ view }: DecideContext, service: Service): readonly Command[] {
  const items: DesiredItem[] = [];
  for (const task of view.tasksOfService(service.id)) {
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
  return inBatches(items, (batch) => ({ kind: "set-desired", items: batch }));
}
