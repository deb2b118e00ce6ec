/**
 * What goes to the workers: the complete sets behind `welcome`, then increments. Routes leave
 * before assignments, so that a node sends no new stream to a task that it is told to stop (D4).
 */
import type { Instant } from "@skein/common/time";
import type { ToWorker } from "@skein/common/wire/dispatch-messages";
import { DISPATCH_CHANGES_MS } from "../limits.ts";
import type { Change, ClusterView } from "../store/view.ts";
import type { Concerned } from "./concerned.ts";
import { tellConcerned } from "./concerned.ts";
import { MemberTable } from "./members.ts";
import { Pace } from "./pace.ts";
import type { Turn } from "./protocol.ts";
import type { LiveConnection, Roster } from "./roster.ts";
import { RouteTable } from "./routes.ts";
import type { OpenSecret } from "./task-files.ts";
import { fileMessages } from "./task-files.ts";

export class Delivery {
  readonly #view: ClusterView;
  readonly #roster: Roster;
  readonly #open: OpenSecret;
  readonly #routes: RouteTable;
  readonly #members: MemberTable;
  /** Numbers of connections whose node has changed assignments. */
  readonly #dirty = new Set<number>();
  readonly #pace = new Pace(DISPATCH_CHANGES_MS);

  constructor(view: ClusterView, roster: Roster, open: OpenSecret) {
    this.#view = view;
    this.#open = open;
    this.#roster = roster;
    this.#routes = new RouteTable(view);
    this.#members = new MemberTable(view);
  }

  routesVersion(): number {
    return this.#routes.version();
  }

  begin(turn: Turn, connection: LiveConnection): void {
    const { id, phase } = connection;
    const assignments = phase.assignments.complete(turn.now, this.#view);
    this.#sendFiles(turn, id, assignments);
    turn.emit({ kind: "send", connection: id, message: assignments });
    turn.emit({ kind: "send", connection: id, message: this.#routes.complete() });
    turn.emit({ kind: "send", connection: id, message: this.#members.complete() });
  }

  changed(change: Change, node: Concerned["node"]): void {
    this.#routes.reached(change.index);
    tellConcerned(this.#view, change, {
      route: (id) => this.#routes.mark(id),
      assignment: (nodeId, taskId) => {
        const connection = this.#roster.liveOf(nodeId);
        connection?.phase.assignments.mark(taskId);
        if (connection !== undefined) this.#dirty.add(connection.id);
      },
      assignments: (nodeId) => {
        const connection = this.#roster.liveOf(nodeId);
        connection?.phase.assignments.markAll();
        if (connection !== undefined) this.#dirty.add(connection.id);
      },
      node: (nodeId, after) => {
        this.#members.mark(nodeId, change.index);
        node(nodeId, after);
      },
    });
  }

  taken(turn: Turn, connection: LiveConnection, version: number): void {
    const { assignments } = connection.phase;
    assignments.taken(turn.now, version);
    // What was gathered while the worker was behind may go now (D3).
    if (assignments.isDirty()) this.#dirty.add(connection.id);
  }

  flush(turn: Turn): void {
    if (!this.#isWaiting() || !this.#pace.isDue(turn.now)) return;
    this.#pace.flushed(turn.now);
    for (const message of [this.#routes.flush(this.#view), this.#members.flush(this.#view)]) {
      if (message === undefined) continue;
      for (const { id } of this.#roster.live()) {
        turn.emit({ kind: "send", connection: id, message });
      }
    }
    const dirty = [...this.#dirty].sort((a, b) => a - b);
    this.#dirty.clear();
    for (const id of dirty) {
      const connection = this.#roster.get(id);
      if (connection?.phase.kind !== "live") continue;
      const message = connection.phase.assignments.flush(turn.now, this.#view);
      if (message === undefined) continue;
      this.#sendFiles(turn, id, message);
      turn.emit({ kind: "send", connection: id, message });
    }
  }

  wakeAt(): Instant | undefined {
    return this.#isWaiting() ? this.#pace.dueAt() : undefined;
  }

  #sendFiles(turn: Turn, connection: number, assignments: ToWorker): void {
    for (const message of fileMessages(this.#view, assignments, this.#open)) {
      turn.emit({ kind: "send", connection, message });
    }
  }

  #isWaiting(): boolean {
    return this.#dirty.size > 0 || this.#routes.isDirty() || this.#members.isDirty();
  }
}
