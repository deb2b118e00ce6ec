import type { ManagerPort } from "./port.ts";

/** The node id of the leader, if one is known here. */
export function leaderIdOf(port: ManagerPort): string | undefined {
  return port.leaderId === undefined ? port.status().leader?.nodeId : port.leaderId();
}
