/** Checked after every step in tests and simulation, never in the running product. */
import { assert } from "@skein/common/assert";
import {
  DISPATCH_CONNECTIONS_MAX,
  DISPATCH_REPORTS_SESSION_MAX,
  DISPATCH_UNTAKEN_MAX,
} from "../limits.ts";
import type { ClusterView } from "../store/view.ts";
import type { DispatcherState } from "./dispatcher.ts";

export function checkDispatcherInvariants(view: ClusterView, state: DispatcherState): void {
  checkWatched(view, state);
  checkBounds(state);
  const speaking = state.current.map(({ nodeId }) => nodeId);
  assert(new Set(speaking).size === speaking.length, `D10: ${speaking.join()}`);
  for (const [nodeId] of state.absences) {
    assert(!speaking.includes(nodeId), `D9: ${nodeId} is absent and has a connection`);
  }
}

/** D9. */
function checkWatched(view: ClusterView, state: DispatcherState): void {
  const watched = new Set([
    ...state.current.map(({ nodeId }) => nodeId),
    ...state.absences.map(([nodeId]) => nodeId),
    ...state.verdicts.map(([nodeId]) => nodeId),
  ]);
  for (const { id, status } of view.nodes.list()) {
    assert(status.state !== "ready" || watched.has(id), `D9: nobody watches ${id}`);
  }
}

/** D3, and the bounds of queues. */
function checkBounds({ connections }: DispatcherState): void {
  assert(connections.length <= DISPATCH_CONNECTIONS_MAX, `${connections.length} connections`);
  for (const { nodeId, phase } of connections) {
    if (phase.kind !== "live") continue;
    const { sent, taken } = phase.assignments.versions();
    assert(taken <= sent, `${nodeId} took ${taken} of ${sent}`);
    assert(sent - taken <= DISPATCH_UNTAKEN_MAX, `D3: ${nodeId} took ${taken} of ${sent}`);
    const reports = phase.reports.size();
    assert(reports <= DISPATCH_REPORTS_SESSION_MAX, `${nodeId} has ${reports} statuses`);
  }
}
