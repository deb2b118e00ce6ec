/** Which nodes a global service should have a slot on, and which slots have lost their node. */
import type { Node } from "@skein/common/model/node";
import type { Service } from "@skein/common/model/service";
import { unmetConstraint } from "../scheduler/constraint.ts";
import type { ClusterView } from "../store/view.ts";
import type { SlotState } from "./slot-state.ts";

/** Nodes that fit and have no slot yet, sorted by id. Only one that works gets a first task. */
export function lacking(
  view: ClusterView,
  service: Service,
  states: readonly SlotState[],
): readonly Node[] {
  const taken = new Set(states.map(({ slot }) => slot.pinnedTo));
  return view.nodes
    .list()
    .filter(
      (node) =>
        !taken.has(node.id) &&
        node.status.state === "ready" &&
        node.spec.availability === "active" &&
        fits(service, node),
    );
}

/**
 * Slots whose node is gone, drained, or no longer meets the constraints. A node that is down or
 * paused keeps its slot: nothing can take its place, and it may come back.
 */
export function notFitting(
  view: ClusterView,
  service: Service,
  states: readonly SlotState[],
): readonly SlotState[] {
  return states.filter(({ slot }) => {
    if (slot.pinnedTo === undefined) return false;
    const node = view.nodes.get(slot.pinnedTo);
    return node === undefined || node.spec.availability === "drain" || !fits(service, node);
  });
}

function fits({ spec }: Service, node: Node): boolean {
  return unmetConstraint(spec.task.constraints, node) === undefined;
}
