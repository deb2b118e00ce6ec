/**
 * The statuses of one session on their way into the store. A batch is proposed, and
 * `status-stored` goes back only when it is committed, in the order in which the worker told
 * them.
 *
 * Invariants:
 *   D6. A worker is told "stored" for a number only when everything up to it is committed.
 *   D7. The newest status of a task wins within a batch; batches are proposed in order, and `apply`
 *       refuses a step back, so that a batch that is proposed again late undoes nothing.
 */
import type { NodeId, TaskId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { TaskStatus } from "@skein/common/model/task";
import type { Instant } from "@skein/common/time";
import { earliest, later } from "@skein/common/time";
import type { TaskReport } from "@skein/common/wire/dispatch-messages";
import {
  DISPATCH_REPORT_TRIES_MAX,
  DISPATCH_REPORTS_COMMANDS_MAX,
  DISPATCH_REPORTS_WAITING_MAX,
  DISPATCH_RETRY_MS,
} from "../limits.ts";
import type { CommandOf } from "../store/command.ts";

interface Batch {
  readonly number: number;
  readonly command: CommandOf<"report-tasks">;
  /** The worker's numbers that are answered with it. */
  readonly sequences: readonly number[];
  tries: number;
  isStored: boolean;
  retryAt: Instant | undefined;
}

export interface Proposal {
  readonly batch: number;
  readonly command: CommandOf<"report-tasks">;
}

export class ReportLane {
  readonly #nodeId: NodeId;
  #waiting = new Map<TaskId, TaskStatus>();
  #sequences: number[] = [];
  /** Proposed and not yet answered to the worker, oldest first. */
  readonly #underWay: Batch[] = [];
  #next = 1;

  constructor(nodeId: NodeId) {
    this.#nodeId = nodeId;
  }

  add(reports: readonly TaskReport[], sequence?: number): void {
    for (const { taskId, status } of reports) this.#waiting.set(taskId, status);
    if (sequence !== undefined) this.#sequences.push(sequence);
  }

  waiting(): number {
    return this.#waiting.size;
  }

  /** Statuses that wait or are under way: bounded by the dispatcher. */
  size(): number {
    return this.#underWay.reduce((sum, { command }) => sum + command.items.length, this.waiting());
  }

  /** Nothing can be proposed: there is nothing, or enough is under way. */
  isBlocked(): boolean {
    const isEmpty = this.#waiting.size === 0 && this.#sequences.length === 0;
    return isEmpty || this.#underWay.length >= DISPATCH_REPORTS_COMMANDS_MAX;
  }

  /** What is to be proposed now. The worker's numbers ride on the last command. */
  flush(): readonly Proposal[] {
    const proposals: Proposal[] = [];
    while (!this.isBlocked()) proposals.push(this.#cut());
    return proposals;
  }

  /** Proposals whose time to be tried again has come. */
  retries(now: Instant): readonly Proposal[] {
    const due = this.#underWay.filter(({ retryAt }) => retryAt !== undefined && retryAt <= now);
    for (const batch of due) batch.retryAt = undefined;
    return due.map(({ number, command }) => ({ batch: number, command }));
  }

  retryAt(): Instant | undefined {
    return this.#underWay.reduce<Instant | undefined>(
      (first, { retryAt }) => earliest(first, retryAt),
      undefined,
    );
  }

  /** The numbers the worker may now be told (D6). */
  stored(number: number): readonly number[] {
    for (const batch of this.#underWay) if (batch.number === number) batch.isStored = true;
    const told: number[] = [];
    while (this.#underWay[0]?.isStored === true) {
      told.push(...(this.#underWay.shift()?.sequences ?? []));
    }
    return told;
  }

  /** False when it was tried often enough. */
  failed(now: Instant, number: number): boolean {
    const batch = this.#underWay.find((one) => one.number === number);
    if (batch === undefined) return true;
    batch.tries += 1;
    batch.retryAt = later(now, DISPATCH_RETRY_MS);
    return batch.tries < DISPATCH_REPORT_TRIES_MAX;
  }

  #cut(): Proposal {
    const ids = [...this.#waiting.keys()].slice(0, DISPATCH_REPORTS_WAITING_MAX);
    const items: TaskReport[] = [];
    for (const taskId of ids.sort(compareIds)) {
      const status = this.#waiting.get(taskId);
      if (status !== undefined) items.push({ taskId, status });
      this.#waiting.delete(taskId);
    }
    const isLast = this.#waiting.size === 0;
    const sequences = isLast ? this.#sequences : [];
    if (isLast) this.#sequences = [];
    const number = this.#next;
    this.#next += 1;
    const command = { kind: "report-tasks", nodeId: this.#nodeId, items } as const;
    const state = { tries: 0, isStored: false, retryAt: undefined };
    this.#underWay.push({ number, command, sequences, ...state });
    return { batch: number, command };
  }
}
