/** What the writes of a node's status share. */
import type { Node, NodeState } from "@skein/common/model/node";
import type { Facts } from "./draft.ts";

/** `since` of a node's status after a write of `state`: moves only with the state. */
export function sinceOf(
  old: Node["status"] | undefined,
  state: NodeState,
  { time }: Facts,
): number {
  return old?.state === state ? (old.since ?? time) : time;
}
