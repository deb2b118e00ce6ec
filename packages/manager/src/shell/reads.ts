/**
 * Linearizable reads: Raft names an index that every write acknowledged before the question is at
 * or below; the answer waits until that index is applied here. Many waiting reads share one
 * question.
 */
import type { LogIndex } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { READ_ANSWER_MS } from "../limits.ts";
import type { RaftRefusal } from "../raft/protocol.ts";
import type { Outcome } from "./outcome.ts";

export type ReadDone = (result: Result<void, Outcome>) => void;

interface Round {
  readonly waiting: ReadDone[];
  readonly timer: Timer;
  index: LogIndex | undefined;
}

export class Reads {
  readonly #clock: Clock;
  /** Asks Raft; at most one question is being collected while one is out. */
  readonly #ask: (token: number) => void;
  readonly #rounds = new Map<number, Round>();
  /** Even: proposals have the odd tokens. */
  #next = 2;

  constructor(clock: Clock, ask: (token: number) => void) {
    this.#clock = clock;
    this.#ask = ask;
  }

  get count(): number {
    return this.#rounds.size;
  }

  /**
   * A question counts only for reads registered before it was asked, so each caller in this turn
   * gets a question asked after it: one per turn of the event loop, shared by that turn's callers.
   */
  read(done: ReadDone): void {
    const token = this.#next;
    const open = this.#collecting;
    if (open !== undefined) {
      open.push(done);
      return;
    }
    this.#next += 2;
    const waiting = [done];
    this.#collecting = waiting;
    this.#clock.after(0, () => {
      this.#collecting = undefined;
      const timer = this.#clock.after(READ_ANSWER_MS, () => this.#refuse(token, NO_CONTACT));
      this.#rounds.set(token, { waiting, timer, index: undefined });
      this.#ask(token);
    });
  }
  #collecting: ReadDone[] | undefined;

  ready(token: number, index: LogIndex, applied: LogIndex): void {
    const round = this.#rounds.get(token);
    if (round === undefined) return;
    round.index = index;
    if (applied >= index) this.#answer(token, ok(undefined));
  }

  refused(token: number, reason: RaftRefusal): void {
    this.#refuse(token, reason === "not-leader" ? NO_LEADER : NO_CONTACT);
  }

  applied(index: LogIndex): void {
    for (const [token, round] of [...this.#rounds]) {
      if (round.index !== undefined && round.index <= index) this.#answer(token, ok(undefined));
    }
  }

  close(): void {
    for (const token of [...this.#rounds.keys()]) this.#refuse(token, NO_LEADER);
  }

  #refuse(token: number, outcome: Outcome): void {
    this.#answer(token, fail(outcome));
  }

  #answer(token: number, result: Result<void, Outcome>): void {
    const round = this.#rounds.get(token);
    if (round === undefined) return;
    this.#rounds.delete(token);
    round.timer.cancel();
    for (const done of round.waiting) done(result);
  }
}

const NO_LEADER: Outcome = { code: "no-leader", message: "no leader is known" };
const NO_CONTACT: Outcome = {
  code: "no-quorum",
  message: "a majority of the managers did not confirm the leader in time",
};
