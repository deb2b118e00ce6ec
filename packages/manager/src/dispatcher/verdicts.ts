/**
 * Nodes this leader is writing `down`, until that is stored. The command names the session it
 * judges, so that a node which has come back meanwhile is not touched.
 */
import type { NodeId, SessionId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Instant } from "@skein/common/time";
import { earliest, later } from "@skein/common/time";
import { DISPATCH_RETRY_MS } from "../limits.ts";
import type { CommandOf } from "../store/command.ts";
import type { ClusterView } from "../store/view.ts";

export interface Verdict {
  readonly session: SessionId | undefined;
  readonly reason: string;
  /** The last proposal failed: it is made again then. */
  readonly retryAt: Instant | undefined;
}

export class Verdicts {
  readonly #verdicts = new Map<NodeId, Verdict>();

  has(nodeId: NodeId): boolean {
    return this.#verdicts.has(nodeId);
  }

  list(): readonly (readonly [NodeId, Verdict])[] {
    return [...this.#verdicts].sort(([a], [b]) => compareIds(a, b));
  }

  /** The command to propose; undefined when the node is not ready, or judged already. */
  judge(
    view: ClusterView,
    nodeId: NodeId,
    reason: string,
  ): CommandOf<"set-node-state"> | undefined {
    const status = view.nodes.get(nodeId)?.status;
    if (status?.state !== "ready" || this.#verdicts.has(nodeId)) return undefined;
    const verdict: Verdict = { session: status.session, reason, retryAt: undefined };
    this.#verdicts.set(nodeId, verdict);
    return commandOf(nodeId, verdict);
  }

  /** The proposal was answered. A failed one is made again while it still says something. */
  answered(now: Instant, view: ClusterView, answer: { nodeId: NodeId; ok: boolean }): void {
    const { nodeId, ok } = answer;
    const verdict = this.#verdicts.get(nodeId);
    if (verdict === undefined) return;
    const status = view.nodes.get(nodeId)?.status;
    const isOpen = status?.state === "ready" && status.session === verdict.session;
    if (ok || !isOpen) this.#verdicts.delete(nodeId);
    else this.#verdicts.set(nodeId, { ...verdict, retryAt: later(now, DISPATCH_RETRY_MS) });
  }

  end(nodeId: NodeId): void {
    this.#verdicts.delete(nodeId);
  }

  retries(now: Instant): readonly CommandOf<"set-node-state">[] {
    return this.list()
      .filter(([, { retryAt }]) => retryAt !== undefined && retryAt <= now)
      .map(([nodeId, verdict]) => {
        this.#verdicts.set(nodeId, { ...verdict, retryAt: undefined });
        return commandOf(nodeId, verdict);
      });
  }

  wakeAt(): Instant | undefined {
    let first: Instant | undefined;
    for (const { retryAt } of this.#verdicts.values()) first = earliest(first, retryAt);
    return first;
  }
}

function commandOf(nodeId: NodeId, { session, reason }: Verdict): CommandOf<"set-node-state"> {
  const base = { kind: "set-node-state", nodeId, state: "down", message: reason } as const;
  return session === undefined ? base : { ...base, session };
}
