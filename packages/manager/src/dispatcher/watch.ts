/**
 * Who is down. Watches the nodes that have no session here, and writes the verdict when their
 * time is over or a probe proves the end of the process.
 */

import type { Evidence } from "@skein/common/gossip/protocol";
import type { NodeId, SessionId } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { Instant } from "@skein/common/time";
import { earliest } from "@skein/common/time";
import type { ClusterView } from "../store/view.ts";
import type { Absence } from "./absence.ts";
import { Absences } from "./absence.ts";
import type { Connection } from "./connection.ts";
import type { Ledger } from "./ledger.ts";
import type { Turn } from "./protocol.ts";
import type { Roster } from "./roster.ts";
import type { Verdict } from "./verdicts.ts";
import { Verdicts } from "./verdicts.ts";

export class Watch {
  readonly #view: ClusterView;
  readonly #roster: Roster;
  readonly #ledger: Ledger;
  readonly #absences = new Absences();
  readonly #verdicts = new Verdicts();

  constructor(view: ClusterView, roster: Roster, ledger: Ledger) {
    this.#view = view;
    this.#roster = roster;
    this.#ledger = ledger;
  }

  /** This leader is new: whoever is ready has some time to come back. */
  begin(now: Instant): void {
    for (const { id, status } of this.#view.nodes.list()) {
      if (status.state === "ready") this.#absences.returning(now, id, status.session);
    }
  }

  absences(): readonly (readonly [NodeId, Absence])[] {
    return this.#absences.list();
  }

  verdicts(): readonly (readonly [NodeId, Verdict])[] {
    return this.#verdicts.list();
  }

  /** The node is here. */
  came(nodeId: NodeId): void {
    this.#absences.end(nodeId);
  }

  /** Its connection is gone (D9). */
  went(now: Instant, { nodeId, heardAt, patientUntil }: Connection): void {
    if (!this.#needsWatch(nodeId)) return;
    const session = this.#sessionOf(nodeId);
    if (patientUntil !== undefined && patientUntil > now) {
      this.#absences.restarting(nodeId, session, patientUntil);
    } else {
      this.#absences.lost(now, nodeId, { session, heardAt });
    }
  }

  nodeChanged(now: Instant, nodeId: NodeId, after: Node | undefined): void {
    if (after?.status.state !== "ready") {
      this.#absences.end(nodeId);
      this.#verdicts.end(nodeId);
      return;
    }
    const absence = this.#absences.get(nodeId);
    if (absence !== undefined && absence.session !== after.status.session) {
      this.#absences.end(nodeId);
    }
    // A session that was stored after its connection closed: nobody else would notice its absence.
    if (!this.#needsWatch(nodeId) || this.#absences.get(nodeId) !== undefined) return;
    this.#absences.lost(now, nodeId, { session: after.status.session, heardAt: now });
  }

  judge(turn: Turn, nodeId: NodeId, reason: string): void {
    this.#absences.end(nodeId);
    const command = this.#verdicts.judge(this.#view, nodeId, reason);
    if (command !== undefined) this.#ledger.propose(turn, command, { kind: "judge", nodeId });
  }

  /** The verdict was answered; a node that it did not reach goes on being watched (D9). */
  judged(now: Instant, answer: { readonly nodeId: NodeId; readonly ok: boolean }): void {
    this.#verdicts.answered(now, this.#view, answer);
    this.nodeChanged(now, answer.nodeId, this.#view.nodes.get(answer.nodeId));
  }

  probed(turn: Turn, nodeId: NodeId, session: SessionId | undefined, isRefused: boolean): void {
    if (!isRefused) return;
    const reason = this.#absences.refused(turn.now, nodeId, session);
    if (reason !== undefined) this.judge(turn, nodeId, reason);
  }

  /** Another node's gossip; a session, or an announced restart, overrules it. */
  gossiped(turn: Turn, verdict: { readonly nodeId: NodeId; readonly evidence: Evidence }): void {
    const absence = this.#absences.get(verdict.nodeId);
    if (absence === undefined || absence.kind === "restarting") return;
    const refused = verdict.evidence === "refused" ? "connection refused" : "no answer";
    const reason = verdict.evidence === "left" ? "it was stopped" : refused;
    this.judge(turn, verdict.nodeId, `cannot be reached by other nodes: ${reason}`);
  }

  flush(turn: Turn): void {
    const at = this.wakeAt();
    if (at === undefined || at > turn.now) return;
    for (const [nodeId, { session }] of this.#absences.takeProbes(turn.now)) {
      const address = this.#view.nodes.get(nodeId)?.description.controlAddress ?? "";
      if (address === "") continue;
      const probe = { kind: "probe", nodeId, address } as const;
      turn.emit(session === undefined ? probe : { ...probe, session });
    }
    for (const { nodeId, reason } of this.#absences.takeDue(turn.now)) {
      this.judge(turn, nodeId, reason);
    }
    for (const command of this.#verdicts.retries(turn.now)) {
      this.#ledger.propose(turn, command, { kind: "judge", nodeId: command.nodeId });
    }
  }

  /** D11. */
  forgive(milliseconds: number): void {
    this.#absences.forgive(milliseconds);
  }

  wakeAt(): Instant | undefined {
    return earliest(this.#absences.wakeAt(), this.#verdicts.wakeAt());
  }

  #needsWatch(nodeId: NodeId): boolean {
    if (this.#view.nodes.get(nodeId)?.status.state !== "ready") return false;
    return this.#roster.currentOf(nodeId) === undefined && !this.#verdicts.has(nodeId);
  }

  #sessionOf(nodeId: NodeId): SessionId | undefined {
    return this.#view.nodes.get(nodeId)?.status.session;
  }
}
