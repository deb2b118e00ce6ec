/**
 * What this node's gossip found out by itself and the leader should know: told once, again to a
 * leader that is found soon after, and then forgotten, for it has become the leader's own business.
 */
import type { Evidence } from "@skein/common/gossip/protocol";
import type { NodeId } from "@skein/common/ids";
import type { Instant } from "@skein/common/time";
import type { FromWorker } from "@skein/common/wire/dispatch-messages";
import { VERDICT_KEPT_MS, VERDICTS_MAX } from "../limits.ts";
import type { Turn } from "./protocol.ts";

type Verdict = Extract<FromWorker, { readonly kind: "verdict" }>;

interface Kept {
  readonly evidence: Evidence;
  readonly at: Instant;
}

interface Leader {
  isLive(): boolean;
  link(): number;
}

interface Step extends Turn {
  readonly now: Instant;
}

export class VerdictOutbox {
  readonly #kept = new Map<NodeId, Kept>();

  judged(turn: Step, verdict: Pick<Verdict, "nodeId" | "evidence">, leader: Leader): void {
    const { nodeId, evidence } = verdict;
    this.#dropOld(turn.now);
    if (this.#kept.size < VERDICTS_MAX) this.#kept.set(nodeId, { evidence, at: turn.now });
    if (leader.isLive()) tell(turn, leader, { kind: "verdict", nodeId, evidence });
  }

  /** A leader has just welcomed us. */
  welcomed(turn: Step, leader: Leader): void {
    this.#dropOld(turn.now);
    for (const [nodeId, { evidence }] of this.#kept) {
      tell(turn, leader, { kind: "verdict", nodeId, evidence });
    }
  }

  #dropOld(now: Instant): void {
    for (const [nodeId, { at }] of this.#kept) {
      if (now - at > VERDICT_KEPT_MS) this.#kept.delete(nodeId);
    }
  }
}

function tell(turn: Turn, leader: Leader, message: Verdict): void {
  turn.emit({ kind: "send", link: leader.link(), message });
}
