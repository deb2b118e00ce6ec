/**
 * Writes on their way through the log. Each is answered exactly once: refused before it was
 * appended, accepted or refused by `apply`, lost for certain (another entry was applied at its
 * index), or, after a deadline, `outcome-unknown`: it may still commit, so it is never called
 * failed.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex, RequestId, Term } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { PROPOSAL_ANSWER_MS } from "../limits.ts";
import type { RaftRefusal } from "../raft/protocol.ts";
import type { Accepted, Refusal } from "../store/command.ts";
import type { Outcome } from "./outcome.ts";

export interface Committed extends Accepted {
  readonly index: LogIndex;
}
export type ProposalDone = (result: Result<Committed, Outcome>) => void;

interface Waiting {
  readonly done: ProposalDone;
  readonly request: RequestId | undefined;
  readonly deadline: number;
  index: LogIndex | undefined;
  term: Term | undefined;
}

const REFUSALS: Record<RaftRefusal, Outcome> = {
  "not-leader": { code: "not-leader", message: "this manager is not the leader" },
  "no-quorum": {
    code: "no-quorum",
    message: "the leader has no contact with a majority of the managers",
  },
  overloaded: { code: "overloaded", message: "too many writes are under way: try again" },
  transferring: { code: "not-leader", message: "leadership is being handed over: try again" },
};

const LATE = `not confirmed by a majority of the managers within ${PROPOSAL_ANSWER_MS / 1000} s`;

export class Proposals {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  /** Tokens by the index they were appended at. */
  readonly #byIndex = new Map<LogIndex, number>();
  /** Odd: reads have the even tokens, so that one refusal names either. */
  #next = 1;
  /** For the oldest that waits: all wait equally long, and the map is in their order. */
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Registers a write; the token goes into the `propose` input. */
  register(request: RequestId | undefined, done: ProposalDone): number {
    const token = this.#next;
    this.#next += 2;
    const deadline = this.#clock.now() + PROPOSAL_ANSWER_MS;
    this.#waiting.set(token, { done, request, deadline, index: undefined, term: undefined });
    this.#timer ??= this.#clock.after(PROPOSAL_ANSWER_MS, () => this.#expire());
    return token;
  }

  appended(token: number, index: LogIndex, term: Term): void {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return;
    // The same index again: what we had there was overwritten in our log, while another member may
    // still hold it and lead later. Only an applied entry decides; until then it waits.
    waiting.index = index;
    waiting.term = term;
    this.#byIndex.set(index, token);
  }

  refused(token: number, reason: RaftRefusal): void {
    this.#answer(token, fail(REFUSALS[reason]));
  }

  /** An entry was applied: if it is not ours by term, ours is lost for certain (Raft's safety). */
  applied(index: LogIndex, term: Term, result: Result<Accepted, Refusal>): void {
    const token = this.#byIndex.get(index);
    if (token === undefined) return;
    const waiting = this.#waiting.get(token);
    assert(waiting?.index === index, `proposal ${token} is filed under index ${index}`);
    if (waiting.term !== term) this.#lost(token);
    else this.#answer(token, result.ok ? ok({ ...result.value, index }) : result);
  }

  /** The process ends: everything that was appended has an unknown outcome. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const token of [...this.#waiting.keys()]) this.#giveUp(token, "this manager is stopping");
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const [token, { deadline }] of this.#waiting) {
      if (deadline > now) {
        this.#timer ??= this.#clock.after(deadline - now, () => this.#expire());
        return;
      }
      this.#giveUp(token, LATE);
    }
  }

  #lost(token: number): void {
    const message = "leadership changed before the write was committed: it did not take effect";
    this.#answer(token, fail({ code: "not-leader", message }));
  }

  #giveUp(token: number, why: string): void {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return;
    const message = `${why}; it may still take effect`;
    const request = waiting.request;
    const unknown = { code: "outcome-unknown", message } as const;
    this.#answer(token, fail(request === undefined ? unknown : { ...unknown, requestId: request }));
  }

  #answer(token: number, result: Result<Committed, Outcome>): void {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return;
    this.#waiting.delete(token);
    const { index } = waiting;
    if (index !== undefined && this.#byIndex.get(index) === token) this.#byIndex.delete(index);
    waiting.done(result);
  }
}
