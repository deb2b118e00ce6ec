/**
 * Nodes that the store says are ready and that have no session here: why we wait, and until when.
 *
 *   lost        the session closed: probed once; refused proves the end, else the silence limit
 *               decides
 *   restarting  the worker announced that it comes back
 *   returning   this leader is new: nobody is judged before they had time to reconnect; probed
 *               after 1 s, and refused twice proves the end (once may be a process that is just
 *               starting)
 *
 * Invariant D8: every absence has a deadline and the reason a user reads when it passes.
 */
import type { NodeId, SessionId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Instant } from "@skein/common/time";
import { earliest, instant, later } from "@skein/common/time";
import {
  DISPATCH_PROBE_AGAIN_MS,
  DISPATCH_RETURN_MS,
  DISPATCH_RETURN_PROBE_MS,
  DISPATCH_SILENCE_MS,
} from "../limits.ts";

export interface Absence {
  readonly kind: "lost" | "restarting" | "returning";
  /** The session that ended, or that a former leader knew: the one a verdict names. */
  readonly session: SessionId | undefined;
  readonly until: Instant;
  readonly reason: string;
  /** When to probe, if that is still to be done. */
  readonly probeAt: Instant | undefined;
  readonly refusals: number;
}

export interface Due {
  readonly nodeId: NodeId;
  readonly reason: string;
}

const GONE = "worker process ended: connection refused";

export class Absences {
  readonly #absences = new Map<NodeId, Absence>();

  lost(
    now: Instant,
    nodeId: NodeId,
    lost: { session: SessionId | undefined; heardAt: Instant },
  ): void {
    this.#absences.set(nodeId, {
      kind: "lost",
      session: lost.session,
      until: later(lost.heardAt, DISPATCH_SILENCE_MS),
      reason: `silent for ${DISPATCH_SILENCE_MS / 1000} s`,
      probeAt: now,
      refusals: 0,
    });
  }

  restarting(nodeId: NodeId, session: SessionId | undefined, until: Instant): void {
    const reason = "did not come back from its restart";
    const base = { kind: "restarting", session, until, reason } as const;
    this.#absences.set(nodeId, { ...base, probeAt: undefined, refusals: 0 });
  }

  returning(now: Instant, nodeId: NodeId, session: SessionId | undefined): void {
    this.#absences.set(nodeId, {
      kind: "returning",
      session,
      until: later(now, DISPATCH_RETURN_MS),
      reason: `silent for ${DISPATCH_RETURN_MS / 1000} s after a change of leader`,
      probeAt: later(now, DISPATCH_RETURN_PROBE_MS),
      refusals: 0,
    });
  }

  get(nodeId: NodeId): Absence | undefined {
    return this.#absences.get(nodeId);
  }

  end(nodeId: NodeId): void {
    this.#absences.delete(nodeId);
  }

  list(): readonly (readonly [NodeId, Absence])[] {
    return [...this.#absences].sort(([a], [b]) => compareIds(a, b));
  }

  /** Nodes to probe now; each is asked once until the answer is there. */
  takeProbes(now: Instant): readonly (readonly [NodeId, Absence])[] {
    const due = this.list().filter(([, { probeAt }]) => probeAt !== undefined && probeAt <= now);
    for (const [nodeId, absence] of due) {
      this.#absences.set(nodeId, { ...absence, probeAt: undefined });
    }
    return due;
  }

  /** A probe was refused; the reason when that proves the end. */
  refused(now: Instant, nodeId: NodeId, session: SessionId | undefined): string | undefined {
    const absence = this.#absences.get(nodeId);
    if (absence === undefined || absence.session !== session) return undefined;
    const refusals = absence.refusals + 1;
    if (absence.kind === "lost" || refusals > 1) return GONE;
    const probeAt = later(now, DISPATCH_PROBE_AGAIN_MS);
    this.#absences.set(nodeId, { ...absence, refusals, probeAt });
    return undefined;
  }

  /** Absences whose time is over. */
  takeDue(now: Instant): readonly Due[] {
    const due = this.list().filter(([, { until }]) => until <= now);
    for (const [nodeId] of due) this.#absences.delete(nodeId);
    return due.map(([nodeId, { reason }]) => ({ nodeId, reason }));
  }

  /** We were stalled ourselves: whatever was said meanwhile is unread. */
  forgive(milliseconds: number): void {
    for (const [nodeId, absence] of this.#absences) {
      this.#absences.set(nodeId, { ...absence, until: instant(absence.until + milliseconds) });
    }
  }

  wakeAt(): Instant | undefined {
    let first: Instant | undefined;
    for (const { until, probeAt } of this.#absences.values()) {
      first = earliest(earliest(first, until), probeAt);
    }
    return first;
  }
}
