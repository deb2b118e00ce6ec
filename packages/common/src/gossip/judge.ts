/**
 * Statements on members: what is believed, refuted, suspected and condemned.
 *
 * Invariants:
 *   J1. A member that hears it is suspected or dead says otherwise with a later round, at once.
 *   J2. A verdict names the epoch and round it judged, so that whoever came back is not touched.
 *   J3. What is said of somebody who is not a member is ignored.
 */
import type { NodeId } from "../ids.ts";
import type { Statement } from "../wire/gossip-messages.ts";
import type { Evidence, Turn } from "./protocol.ts";
import { flood, republish } from "./spread.ts";
import type { GossipState } from "./state.ts";
import { evidenceOf } from "./suspicion.ts";

/** Takes statements over and passes on what was news. */
export function takeStatements(
  state: GossipState,
  turn: Turn,
  statements: readonly Statement[],
  from?: NodeId,
): void {
  const news = statements.filter((statement) => takeStatement(state, turn, statement));
  flood(state, turn, { statements: news }, from);
}

/** An observation of our own. */
export function alert(
  state: GossipState,
  turn: Turn,
  subject: NodeId,
  evidence: "silent" | "refused",
): void {
  const member = state.members.get(subject);
  if (member === undefined || member.state === "dead" || state.left) return;
  const { epoch, round } = member;
  const observer = state.self;
  turn.emit({ kind: "count", name: "skein_gossip_alerts_total" });
  takeStatements(state, turn, [{ subject, epoch, round, state: "suspect", observer, evidence }]);
}

/** Suspicions whose time is over, then verdicts that are to be spoken now. */
export function judge(state: GossipState, turn: Turn): void {
  const { suspicions, verdicts, members, links } = state;
  if (state.left) return;
  for (const { subject } of suspicions.due(turn.now)) verdicts.propose(turn.now, subject);
  const wasIsolated = verdicts.isIsolated();
  const world = { members: members.size(), links: links.openCount(), heardAt: state.heardAt };
  const condemned = verdicts.release(turn.now, world);
  if (verdicts.isIsolated() !== wasIsolated) noteIsolation(turn, !wasIsolated);
  const statements: Statement[] = [];
  for (const subject of condemned) {
    const suspicion = suspicions.get(subject);
    if (suspicion === undefined) continue; // J2: it has spoken since.
    const { epoch, round } = suspicion;
    const evidence = evidenceOf(suspicion);
    statements.push({ subject, epoch, round, state: "dead", observer: state.self, evidence });
    turn.emit({ kind: "verdict", nodeId: subject, evidence });
    turn.emit({ kind: "count", name: "skein_gossip_verdicts_total" });
  }
  takeStatements(state, turn, statements);
}

/** Says with a later round that this member is there (J1). */
export function refute(state: GossipState, turn: Turn, round: number): void {
  state.round = Math.max(state.round, round) + 1;
  state.detector.worse();
  turn.emit({ kind: "count", name: "skein_gossip_refutations_total" });
  flood(state, turn, { statements: [sayAlive(state, turn)] });
}

/** This member's own statement, taken over in its own table too. */
export function sayAlive(state: GossipState, turn: Turn): Statement {
  const { self: subject, epoch, round } = state;
  const statement = { subject, epoch, round, state: "alive" } as const;
  state.members.take(turn.now, statement);
  return statement;
}

function takeStatement(state: GossipState, turn: Turn, statement: Statement): boolean {
  const { subject } = statement;
  if (subject === state.self) {
    aboutSelf(state, turn, statement);
    return false;
  }
  const before = state.members.get(subject);
  if (before === undefined) return false; // J3
  switch (statement.state) {
    case "alive":
      if (!state.members.take(turn.now, statement)) return false;
      state.suspicions.clear(subject);
      state.verdicts.heardFrom(subject);
      if (before.state === "dead") becameLive(state, subject);
      return true;
    case "suspect":
      return suspect(state, turn, statement);
    case "dead":
      if (!state.members.take(turn.now, statement)) return false;
      buried(state, turn, statement);
      return true;
  }
}

function suspect(state: GossipState, turn: Turn, statement: Statement): boolean {
  const { suspicions, members } = state;
  const known = members.get(statement.subject);
  const same = known?.epoch === statement.epoch && known.round === statement.round;
  if (!members.isNews(statement) && !(same && known.state === "suspect")) return false;
  if (!suspicions.add(turn.now, statement, members.size())) return false;
  members.take(turn.now, statement);
  return true;
}

function buried(state: GossipState, turn: Turn, { subject, evidence }: Statement): void {
  state.suspicions.clear(subject);
  state.verdicts.withdraw(subject);
  if (evidence !== "left") state.verdicts.died(turn.now);
  state.topologyChanged = true;
  state.membersChanged = true;
  state.changedOwners.add(subject);
  const fields = { nodeId: subject, evidence: evidence ?? "told" };
  turn.emit({ kind: "note", level: "info", message: "member is dead", fields });
}

function becameLive(state: GossipState, subject: NodeId): void {
  state.topologyChanged = true;
  state.membersChanged = true;
  state.changedOwners.add(subject);
}

function aboutSelf(state: GossipState, turn: Turn, { epoch, round, state: is }: Statement): void {
  if (state.left) return;
  if (epoch > state.epoch) {
    // A former process of this node had a clock ahead of ours: begin above it.
    state.epoch = epoch + 1;
    state.round = 0;
    republish(state, turn);
    flood(state, turn, { statements: [sayAlive(state, turn)] });
  } else if (epoch === state.epoch && is !== "alive" && round >= state.round) {
    refute(state, turn, round);
  }
}

function noteIsolation(turn: Turn, isIsolated: boolean): void {
  const message = isIsolated ? "isolated: the view is frozen" : "no longer isolated";
  turn.emit({ kind: "note", level: "warn", message });
}

export function evidenceText(evidence: Evidence | undefined): string {
  if (evidence === "refused") return "connection refused";
  return evidence === "left" ? "stopped as planned" : "does not answer";
}
