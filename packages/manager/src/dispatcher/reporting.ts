/**
 * What comes from the workers: statuses, gathered for all nodes at one pace, proposed a node at a
 * time.
 */
import type { TaskStatus } from "@skein/common/model/task";
import type { Instant } from "@skein/common/time";
import { earliest } from "@skein/common/time";
import type { TaskReport } from "@skein/common/wire/dispatch-messages";
import {
  DISPATCH_REPORTS_MS,
  DISPATCH_REPORTS_SESSION_MAX,
  DISPATCH_REPORTS_WAITING_MAX,
} from "../limits.ts";
import type { ClusterView } from "../store/view.ts";
import type { Ledger } from "./ledger.ts";
import { Pace } from "./pace.ts";
import type { Turn } from "./protocol.ts";
import type { Proposal } from "./report-lane.ts";
import type { LiveConnection, Roster } from "./roster.ts";
import { isLive } from "./roster.ts";

export class Reporting {
  readonly #view: ClusterView;
  readonly #roster: Roster;
  readonly #ledger: Ledger;
  /** Numbers of connections with statuses that wait to be proposed. */
  readonly #waiting = new Set<number>();
  readonly #pace = new Pace(DISPATCH_REPORTS_MS);
  #retryAt: Instant | undefined;

  constructor(view: ClusterView, roster: Roster, ledger: Ledger) {
    this.#view = view;
    this.#roster = roster;
    this.#ledger = ledger;
  }

  /**
   * The tasks of a `hello`: only what the store does not know already, or each join would be a
   * write.
   */
  greet(connection: LiveConnection, tasks: readonly TaskReport[]): void {
    const news = tasks.filter(({ taskId, status }) => {
      const task = this.#view.tasks.get(taskId);
      return task?.nodeId === connection.nodeId && !isKnown(status, task.status);
    });
    connection.phase.reports.add(news);
    this.#note(connection);
  }

  /** False when the session has more under way than any honest worker sends. */
  status(connection: LiveConnection, sequence: number, reports: readonly TaskReport[]): boolean {
    connection.phase.reports.add(reports, sequence);
    this.#note(connection);
    return connection.phase.reports.size() <= DISPATCH_REPORTS_SESSION_MAX;
  }

  /** The connection is gone: what it said last is still worth storing, and nobody to answer. */
  farewell(turn: Turn, connection: LiveConnection): void {
    this.#waiting.delete(connection.id);
    for (const { command } of connection.phase.reports.flush()) {
      if (command.items.length > 0) this.#ledger.propose(turn, command, { kind: "farewell" });
    }
  }

  /** False when the batch was tried often enough: the session has to start over. */
  committed(
    turn: Turn,
    connection: LiveConnection,
    answer: { batch: number; ok: boolean },
  ): boolean {
    const { reports } = connection.phase;
    if (!answer.ok) {
      const goesOn = reports.failed(turn.now, answer.batch);
      this.#retryAt = earliest(this.#retryAt, reports.retryAt());
      return goesOn;
    }
    this.#stored(turn, connection, answer.batch);
    this.#note(connection);
    return true;
  }

  flush(turn: Turn): void {
    if (this.#waiting.size > 0 && (this.#pace.isDue(turn.now) || this.#isFull())) {
      this.#pace.flushed(turn.now);
      const ids = [...this.#waiting].sort((a, b) => a - b);
      this.#waiting.clear();
      for (const connection of this.#liveOnes(ids)) {
        this.#propose(turn, connection, connection.phase.reports.flush());
      }
    }
    if (this.#retryAt !== undefined && this.#retryAt <= turn.now) this.#retry(turn);
  }

  wakeAt(): Instant | undefined {
    return earliest(this.#waiting.size > 0 ? this.#pace.dueAt() : undefined, this.#retryAt);
  }

  #note(connection: LiveConnection): void {
    if (!connection.phase.reports.isBlocked()) this.#waiting.add(connection.id);
  }

  #isFull(): boolean {
    const lanes = this.#liveOnes([...this.#waiting]).map(({ phase }) => phase.reports.waiting());
    return lanes.reduce((sum, count) => sum + count, 0) >= DISPATCH_REPORTS_WAITING_MAX;
  }

  #retry(turn: Turn): void {
    this.#retryAt = undefined;
    for (const connection of this.#roster.live()) {
      const { reports } = connection.phase;
      this.#propose(turn, connection, reports.retries(turn.now));
      this.#retryAt = earliest(this.#retryAt, reports.retryAt());
    }
  }

  #propose(turn: Turn, connection: LiveConnection, proposals: readonly Proposal[]): void {
    for (const { batch, command } of proposals) {
      if (command.items.length === 0) this.#stored(turn, connection, batch);
      else
        this.#ledger.propose(turn, command, { kind: "report", connection: connection.id, batch });
    }
  }

  /** D6. */
  #stored(turn: Turn, connection: LiveConnection, batch: number): void {
    for (const sequence of connection.phase.reports.stored(batch)) {
      const message = { kind: "status-stored", sequence } as const;
      turn.emit({ kind: "send", connection: connection.id, message });
    }
  }

  #liveOnes(ids: readonly number[]): readonly LiveConnection[] {
    return ids.flatMap((id) => {
      const connection = this.#roster.get(id);
      return connection !== undefined && isLive(connection) ? [connection] : [];
    });
  }
}

/** The time a status was made at does not make it news. */
function isKnown(told: TaskStatus, stored: TaskStatus): boolean {
  return (
    told.state === stored.state &&
    told.message === stored.message &&
    told.error === stored.error &&
    told.exitCode === stored.exitCode &&
    told.pid === stored.pid &&
    told.inRotation === stored.inRotation &&
    told.warning === stored.warning
  );
}
