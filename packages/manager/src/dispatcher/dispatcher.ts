/**
 * The dispatcher (swarmkit manager/dispatcher): sessions of workers, what they are to run and to
 * serve, what they report, and who is down. It exists only while this manager leads; a new leader
 * makes a new one.
 *
 * Only the leader writes `down`: the session closed and a dial is refused; or gossip took the node
 * for dead and it has no session; or silence. A session's word is not believed before the store has
 * it: `welcome` follows the commit of `join-node`, `status-stored` that of `report-tasks`.
 *
 * Invariants (D1-D5 assignments.ts and routes.ts, D6-D7 report-lane.ts, D8 absence.ts):
 *   D9.  A node that the store says is ready has a connection that said hello, or an absence with a
 *        deadline, or a verdict under way: nobody stays ready unwatched.
 *   D10. A node has at most one current connection: a newer one closes the older.
 *   D11. Nobody is judged silent for a time in which we were stalled ourselves.
 *
 * Left out on purpose: join tokens (the trust work).
 */
import { unreachable } from "@skein/common/assert";
import type { Machine, Wake } from "@skein/common/host/machine";
import type { NodeId } from "@skein/common/ids";
import { sessionId } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { Instant } from "@skein/common/time";
import { earliest, instant, later } from "@skein/common/time";
import type { FromWorker } from "@skein/common/wire/dispatch-messages";
import { DISPATCH_VERSION } from "@skein/common/wire/dispatch-messages";
import {
  DISPATCH_CONNECTIONS_MAX,
  DISPATCH_HEARTBEAT_MS,
  DISPATCH_REMOVED_MAX,
  DISPATCH_RESTART_MS_MAX,
  DISPATCH_SILENCE_MS,
  DISPATCH_STALL_MS,
} from "../limits.ts";
import type { ClusterView } from "../store/view.ts";
import type { Absence } from "./absence.ts";
import { AssignmentStream } from "./assignments.ts";
import type { Connection } from "./connection.ts";
import { newConnection, silenceOf } from "./connection.ts";
import { Delivery } from "./delivery.ts";
import { Ledger } from "./ledger.ts";
import type { DispatcherEffect, DispatcherInput, Turn } from "./protocol.ts";
import { ReportLane } from "./report-lane.ts";
import { Reporting } from "./reporting.ts";
import type { LiveConnection } from "./roster.ts";
import { isLive, Roster } from "./roster.ts";
import type { OpenSecret } from "./task-files.ts";
import { isTrustChange, trustNotice } from "./trust-notice.ts";
import type { Verdict } from "./verdicts.ts";
import { Watch } from "./watch.ts";

export interface DispatcherOptions {
  /** Live: it shows a change before the `changed` input tells of it. */
  readonly view: ClusterView;
  readonly newId: () => string;
  readonly now: Instant;
  /** Addresses workers may dial: "127.0.1.1:2377". */
  readonly managers: readonly string[];
  readonly heartbeatMs?: number;
  /** Opens secrets for the nodes that need them; absent: none can be opened. */
  readonly openSecret?: OpenSecret;
}

export interface Dispatcher extends Machine<DispatcherInput, DispatcherEffect> {
  /** A look inside, for `describe` and the invariants. */
  inspect(): DispatcherState;
}

export interface DispatcherState {
  readonly connections: readonly Connection[];
  /** Connections that speak for their node. */
  readonly current: readonly Connection[];
  readonly absences: readonly (readonly [NodeId, Absence])[];
  readonly verdicts: readonly (readonly [NodeId, Verdict])[];
  readonly routesVersion: number;
  readonly proposals: number;
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  return new DispatcherMachine(options);
}

type Received<K extends FromWorker["kind"]> = Extract<FromWorker, { readonly kind: K }>;
type Input<K extends DispatcherInput["kind"]> = Extract<DispatcherInput, { readonly kind: K }>;

class DispatcherMachine implements Dispatcher {
  readonly #view: ClusterView;
  readonly #newId: () => string;
  readonly #heartbeatMs: number;
  readonly #roster = new Roster();
  readonly #ledger = new Ledger();
  readonly #delivery: Delivery;
  readonly #reporting: Reporting;
  readonly #watch: Watch;
  readonly #removed = new Set<NodeId>();
  #managers: readonly string[];
  /** No connection can be silent before; a lower bound, so that heartbeats need not move it. */
  #sweepAt: Instant | undefined;
  #promisedAt: Instant | undefined;

  constructor(options: DispatcherOptions) {
    const { view, newId, now, managers, heartbeatMs } = options;
    this.#view = view;
    this.#newId = newId;
    this.#heartbeatMs = heartbeatMs ?? DISPATCH_HEARTBEAT_MS;
    this.#managers = managers;
    this.#delivery = new Delivery(view, this.#roster, options.openSecret ?? (() => undefined));
    this.#reporting = new Reporting(view, this.#roster, this.#ledger);
    this.#watch = new Watch(view, this.#roster, this.#ledger);
    this.#watch.begin(now);
    this.#promisedAt = this.wakeAt();
  }

  step(now: Instant, input: DispatcherInput | Wake): readonly DispatcherEffect[] {
    const effects: DispatcherEffect[] = [];
    const turn: Turn = { now, emit: (effect) => effects.push(effect) };
    this.#forgiveStall(now);
    this.#take(turn, input);
    if (this.#sweepAt !== undefined && this.#sweepAt <= now) this.#sweep(turn);
    this.#watch.flush(turn);
    this.#reporting.flush(turn);
    this.#delivery.flush(turn);
    this.#promisedAt = this.wakeAt();
    return effects;
  }

  wakeAt(): Instant | undefined {
    const streams = earliest(this.#delivery.wakeAt(), this.#reporting.wakeAt());
    return earliest(earliest(this.#sweepAt, this.#watch.wakeAt()), streams);
  }

  inspect(): DispatcherState {
    const connections = this.#roster.list();
    return {
      connections,
      current: connections.filter((one) => this.#roster.currentOf(one.nodeId) === one),
      absences: this.#watch.absences(),
      verdicts: this.#watch.verdicts(),
      routesVersion: this.#delivery.routesVersion(),
      proposals: this.#ledger.size,
    };
  }

  #take(turn: Turn, input: DispatcherInput | Wake): void {
    switch (input.kind) {
      case "wake":
        return;
      case "opened":
        return this.#opened(turn, input);
      case "received":
        return this.#received(turn, input);
      case "closed":
        return this.#closed(turn, input.connection);
      case "probed":
        return this.#watch.probed(turn, input.nodeId, input.session, input.outcome === "refused");
      case "changed":
        return this.#changed(turn, input);
      case "committed":
        return this.#committed(turn, input);
      case "managers":
        return this.#tellManagers(turn, input.managers);
      default:
        return unreachable(input);
    }
  }

  #opened(turn: Turn, { connection: id, nodeId, role }: Input<"opened">): void {
    if (this.#roster.size >= DISPATCH_CONNECTIONS_MAX) {
      const reason = `more than ${DISPATCH_CONNECTIONS_MAX} connections`;
      turn.emit({ kind: "close", connection: id, reason });
      return;
    }
    const connection = newConnection(turn.now, { id, nodeId, role });
    this.#roster.add(connection);
    this.#sweepBy(silenceOf(connection).at);
  }

  #received(turn: Turn, { connection: id, message }: Input<"received">): void {
    const connection = this.#roster.get(id);
    if (connection === undefined) return;
    if (message.kind === "hello") return this.#greeted(turn, connection, message);
    connection.heardAt = turn.now;
    if (isLive(connection)) return this.#heard(turn, connection, message);
    this.#drop(turn, connection, `${message.kind} before welcome`);
  }

  #greeted(turn: Turn, connection: Connection, hello: Received<"hello">): void {
    const { nodeId, role } = connection;
    const refusal = this.#whyNot(connection, hello);
    if (refusal !== undefined) return this.#drop(turn, connection, refusal);
    const older = this.#roster.currentOf(nodeId);
    this.#roster.makeCurrent(connection);
    if (older !== undefined) this.#drop(turn, older, "replaced by a newer session"); // D10
    this.#watch.came(nodeId);
    const session = sessionId(this.#newId());
    connection.heardAt = turn.now;
    connection.phase = { kind: "joining", session, tasks: hello.tasks };
    this.#sweepBy(silenceOf(connection).at);
    const { name, availability, description } = hello;
    const what = { nodeId, role, name, availability, description, session };
    const purpose = { kind: "join", connection: connection.id } as const;
    this.#ledger.propose(turn, { kind: "join-node", ...what }, purpose);
  }

  #whyNot({ nodeId, phase }: Connection, { version }: Received<"hello">): string | undefined {
    if (phase.kind !== "opened") return "said hello twice";
    if (this.#removed.has(nodeId)) return "the node was removed from the cluster";
    if (version === DISPATCH_VERSION) return undefined;
    return `dispatch version ${version} is not spoken here: this manager wants ${DISPATCH_VERSION}`;
  }

  #joined(turn: Turn, connection: Connection, ok: boolean): void {
    const { id, nodeId, phase } = connection;
    if (phase.kind !== "joining") return;
    if (!ok) return this.#drop(turn, connection, "the session could not be stored: come back");
    const { session, tasks } = phase;
    if (this.#view.nodes.get(nodeId)?.status.session !== session) {
      return this.#drop(turn, connection, "the session was not taken: come back");
    }
    const assignments = new AssignmentStream(nodeId);
    const reports = new ReportLane(nodeId);
    const live = Object.assign(connection, {
      phase: { kind: "live", session, assignments, reports } as const,
    });
    const welcome = { kind: "welcome", version: DISPATCH_VERSION, session } as const;
    const terms = { heartbeatMs: this.#heartbeatMs, managers: this.#managers };
    turn.emit({ kind: "send", connection: id, message: { ...welcome, ...terms } });
    this.#tellTrust(turn, live);
    this.#delivery.begin(turn, live);
    this.#reporting.greet(live, tasks);
    this.#sweepBy(assignments.giveUpAt());
  }

  #heard(turn: Turn, connection: LiveConnection, message: Exclude<FromWorker, { kind: "hello" }>) {
    switch (message.kind) {
      case "heartbeat":
        turn.emit({ kind: "send", connection: connection.id, message: { kind: "heartbeat" } });
        return;
      case "taken":
        return this.#delivery.taken(turn, connection, message.version);
      case "status":
        return this.#reported(turn, connection, message);
      case "description":
        return this.#described(turn, connection, message);
      case "verdict":
        return this.#watch.gossiped(turn, message);
      case "leaving":
        return this.#leaving(turn, connection, message);
      default:
        return unreachable(message);
    }
  }

  #described(turn: Turn, { id, nodeId, phase }: LiveConnection, message: Received<"description">) {
    const { description } = message;
    const command = { kind: "describe-node", nodeId, session: phase.session, description } as const;
    this.#ledger.propose(turn, command, { kind: "describe", connection: id });
  }

  #reported(turn: Turn, connection: LiveConnection, message: Received<"status">): void {
    const { sequence, reports } = message;
    if (this.#reporting.status(connection, sequence, reports)) return;
    this.#drop(turn, connection, "more statuses than can be stored: come back");
  }

  /**
   * A planned restart keeps the tasks for a while; an end for good gives them to other nodes now.
   */
  #leaving(turn: Turn, connection: LiveConnection, message: Received<"leaving">): void {
    if (message.restarting) {
      const patienceMs = Math.min(message.backWithinMs, DISPATCH_RESTART_MS_MAX);
      connection.patientUntil = later(turn.now, patienceMs);
      return;
    }
    connection.isLeaving = true;
    this.#watch.judge(turn, connection.nodeId, "worker was stopped");
  }

  #closed(turn: Turn, id: number): void {
    const connection = this.#roster.get(id);
    if (connection !== undefined) this.#forget(turn, connection);
  }

  #drop(turn: Turn, connection: Connection, reason: string): void {
    turn.emit({ kind: "close", connection: connection.id, reason });
    this.#forget(turn, connection);
  }

  #forget(turn: Turn, connection: Connection): void {
    if (isLive(connection)) this.#reporting.farewell(turn, connection);
    this.#roster.remove(connection);
    this.#watch.went(turn.now, connection);
  }

  #changed(turn: Turn, { changes }: Input<"changed">): void {
    for (const change of changes) {
      this.#delivery.changed(change, (nodeId, after) => this.#nodeChanged(turn, nodeId, after));
      for (const live of this.#roster.live()) {
        if (isTrustChange(change, live.nodeId)) this.#tellTrust(turn, live);
      }
    }
  }

  #nodeChanged(turn: Turn, nodeId: NodeId, after: Node | undefined): void {
    const current = this.#roster.currentOf(nodeId);
    if (after === undefined) {
      this.#remember(nodeId);
      if (current !== undefined) this.#drop(turn, current, "the node was removed from the cluster");
    } else if (current !== undefined && isLive(current) && isDeclaredDown(current, after)) {
      this.#drop(turn, current, `the node was declared down: ${after.status.message}`);
    }
    this.#watch.nodeChanged(turn.now, nodeId, after);
  }

  #tellTrust(turn: Turn, { id, nodeId }: LiveConnection): void {
    const message = trustNotice(this.#view, nodeId);
    if (message !== undefined) turn.emit({ kind: "send", connection: id, message });
  }

  #remember(nodeId: NodeId): void {
    const [oldest] = this.#removed;
    if (oldest !== undefined && this.#removed.size >= DISPATCH_REMOVED_MAX) {
      this.#removed.delete(oldest);
    }
    this.#removed.add(nodeId);
  }

  #committed(turn: Turn, { token, ok }: Input<"committed">): void {
    const purpose = this.#ledger.take(token);
    if (purpose === undefined || purpose.kind === "farewell") return;
    if (purpose.kind === "judge") {
      this.#watch.judged(turn.now, { nodeId: purpose.nodeId, ok });
      return;
    }
    const connection = this.#roster.get(purpose.connection);
    if (connection === undefined) return;
    if (purpose.kind === "join") return this.#joined(turn, connection, ok);
    if (!isLive(connection)) return;
    if (purpose.kind === "describe") {
      if (!ok) this.#drop(turn, connection, "its description could not be stored: come back");
      return;
    }
    const { batch } = purpose;
    if (this.#reporting.committed(turn, connection, { batch, ok })) return;
    this.#drop(turn, connection, "statuses could not be stored: come back");
  }

  #tellManagers(turn: Turn, managers: readonly string[]): void {
    this.#managers = managers;
    for (const { id } of this.#roster.live()) {
      turn.emit({ kind: "send", connection: id, message: { kind: "managers", managers } });
    }
  }

  /** Looks for connections whose time is over, and finds when to look again. */
  #sweep(turn: Turn): void {
    this.#sweepAt = undefined;
    for (const connection of this.#roster.list()) {
      const silence = silenceOf(connection);
      const giveUpAt = isLive(connection) ? connection.phase.assignments.giveUpAt() : undefined;
      if (silence.at <= turn.now) this.#silent(turn, connection, silence.reason);
      else if (giveUpAt !== undefined && giveUpAt <= turn.now) {
        this.#drop(turn, connection, "assignments were not taken: come back");
      } else {
        this.#sweepBy(earliest(silence.at, giveUpAt));
      }
    }
  }

  #silent(turn: Turn, connection: Connection, reason: string): void {
    const isCurrent = this.#roster.currentOf(connection.nodeId) === connection;
    if (isCurrent) this.#watch.judge(turn, connection.nodeId, reason);
    this.#drop(turn, connection, reason);
  }

  #sweepBy(at: Instant | undefined): void {
    this.#sweepAt = earliest(this.#sweepAt, at);
  }

  /** D11: we woke late, so that whatever the workers said meanwhile is still unread. */
  #forgiveStall(now: Instant): void {
    const lateMs = this.#promisedAt === undefined ? 0 : now - this.#promisedAt;
    if (lateMs < DISPATCH_STALL_MS) return;
    const heardAt = instant(now - DISPATCH_SILENCE_MS + DISPATCH_HEARTBEAT_MS);
    for (const connection of this.#roster.list()) {
      if (connection.heardAt < heardAt) connection.heardAt = heardAt;
    }
    this.#watch.forgive(lateMs);
  }
}

/** The session that is live here was judged: the worker has to begin a new one. */
function isDeclaredDown(connection: LiveConnection, { status }: Node): boolean {
  const isJudged = status.state === "down" && status.session === connection.phase.session;
  return isJudged && !connection.isLeaving;
}
