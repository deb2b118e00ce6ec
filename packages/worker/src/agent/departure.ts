/**
 * The end of the agent: planned by a person, or because a manager says that this node was removed
 * from its cluster. It is over when nothing runs, or is kept on purpose, and the leader knows or
 * had time to.
 */
import type { Instant } from "@skein/common/time";
import { later } from "@skein/common/time";
import type { FromWorker } from "@skein/common/wire/dispatch-messages";
import { LEAVE_REPORT_MS } from "../limits.ts";

interface Manner {
  readonly keepTasks: boolean;
  readonly backWithinMs: number;
}

export class Departure {
  #manner: Manner | undefined;
  /** Set once nothing runs any more: how long the last statuses may take. */
  #reportUntil: Instant | undefined;

  hasBegun(): boolean {
    return this.#manner !== undefined;
  }

  /** False: it is under way already, as it was begun. */
  begin(manner: Manner): boolean {
    if (this.#manner !== undefined) return false;
    this.#manner = manner;
    return true;
  }

  /** What the leader is told; undefined while there is nothing to tell. */
  announcement(): Extract<FromWorker, { readonly kind: "leaving" }> | undefined {
    if (this.#manner === undefined) return undefined;
    const { keepTasks: restarting, backWithinMs } = this.#manner;
    return { kind: "leaving", restarting, backWithinMs };
  }

  wakeAt(): Instant | undefined {
    return this.#reportUntil;
  }

  /** Looked at after each step. */
  isOver(now: Instant, facts: { readonly isIdle: boolean; readonly isTold: boolean }): boolean {
    if (this.#manner === undefined) return false;
    if (!this.#manner.keepTasks && !facts.isIdle) return false;
    this.#reportUntil ??= later(now, LEAVE_REPORT_MS);
    return facts.isTold || now >= this.#reportUntil;
  }
}
