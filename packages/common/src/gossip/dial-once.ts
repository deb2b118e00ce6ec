/** One dial, for a neighbour as for a helper's probe or a sweep. */
import type { NodeId } from "../ids.ts";
import type { Turn } from "./protocol.ts";
import type { GossipState } from "./state.ts";

/** Dials a member unless there is a link, or a dial, already. */
export function dialOnce(state: GossipState, turn: Turn, peer: NodeId): void {
  const address = state.members.get(peer)?.facts.address;
  if (address === undefined) return;
  const link = state.links.dial(turn.now, peer);
  if (link !== undefined) turn.emit({ kind: "dial", link, nodeId: peer, address });
}
