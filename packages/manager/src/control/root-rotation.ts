/** What a user reads of a root's rotation that is under way. */
import type { Node } from "@skein/common/model/node";
import { rotationWaitsFor } from "../store/root-rotation.ts";
import type { ClusterView } from "../store/view.ts";
import { nodeName } from "./engine/node.ts";
import type { Problem } from "./problems.ts";

/** "worker-2 (down)". */
export function awaitedName(node: Node): string {
  const { state } = node.status;
  return state === "ready" ? nodeName(node) : `${nodeName(node)} (${state})`;
}

/** Of nodes that are not there: all others renew by themselves. */
export function rotationProblems(view: ClusterView): readonly Problem[] {
  const away = (rotationWaitsFor(view) ?? []).filter(({ status }) => status.state !== "ready");
  if (away.length === 0) return [];
  const names = away.map(nodeName).join(", ");
  return [
    {
      object: "cluster",
      problem: `the old root certificate is trusted until ${names} renewed`,
      remedy: `start ${names}, or remove what does not come back: docker node rm --force`,
    },
  ];
}
