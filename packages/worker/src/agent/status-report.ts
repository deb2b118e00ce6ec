/**
 * Statuses on their way to the leader: latest per task, in numbered batches, one under way at a
 * time, so that what changes while a batch is being stored becomes the next batch without any delay
 * of its own.
 *
 * Invariants:
 *   S1. A status leaves this outbox only when a leader has stored it, or a newer one replaced it.
 *   S2. At most one batch is under way; a new session sends everything again under new numbers.
 */
import type { TaskId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { TaskStatus } from "@skein/common/model/task";
import type { Instant } from "@skein/common/time";
import { later } from "@skein/common/time";
import type { TaskReport } from "@skein/common/wire/dispatch-messages";
import { STATUS_BATCH_MAX, STATUS_STORED_TIMEOUT_MS } from "../limits.ts";

export interface StatusBatch {
  readonly sequence: number;
  readonly reports: readonly TaskReport[];
}

export class StatusOutbox {
  readonly #waiting = new Map<TaskId, TaskStatus>();
  #underWay: (StatusBatch & { readonly deadline: Instant }) | undefined;
  #sequence = 0;

  add(taskId: TaskId, status: TaskStatus): void {
    this.#waiting.set(taskId, status);
  }

  /** The next batch, if there is something to tell and nothing under way (S2). */
  next(now: Instant): StatusBatch | undefined {
    if (this.#underWay !== undefined || this.#waiting.size === 0) return undefined;
    const ids = [...this.#waiting.keys()].toSorted(compareIds).slice(0, STATUS_BATCH_MAX);
    const reports: TaskReport[] = [];
    for (const taskId of ids) {
      const status = this.#waiting.get(taskId);
      if (status !== undefined) reports.push({ taskId, status });
      this.#waiting.delete(taskId);
    }
    this.#sequence += 1;
    const batch = { sequence: this.#sequence, reports };
    this.#underWay = { ...batch, deadline: later(now, STATUS_STORED_TIMEOUT_MS) };
    return batch;
  }

  /**
   * The leader has made the batch of this number durable. Numbers of other sessions are ignored.
   */
  stored(sequence: number): void {
    if (this.#underWay?.sequence === sequence) this.#underWay = undefined;
  }

  /** The session is gone: what it may not have stored is told again (S1). */
  restart(): void {
    const batch = this.#underWay;
    this.#underWay = undefined;
    for (const { taskId, status } of batch?.reports ?? []) {
      if (!this.#waiting.has(taskId)) this.#waiting.set(taskId, status);
    }
  }

  /** When a leader that has not stored the batch is to be left. */
  deadline(): Instant | undefined {
    return this.#underWay?.deadline;
  }

  isEmpty(): boolean {
    return this.#underWay === undefined && this.#waiting.size === 0;
  }

  size(): number {
    return this.#waiting.size + (this.#underWay?.reports.length ?? 0);
  }
}
