import { logIndex, requestId, term } from "@skein/common/ids";
import type { Clock } from "@skein/common/io/clock";
import { ok } from "@skein/common/result";
import { instant, wallTime } from "@skein/common/time";
import { expect } from "chai";
import { PROPOSAL_ANSWER_MS } from "../limits.ts";
import { Proposals } from "./proposals.ts";

const ACCEPTED = ok({ warnings: [], skipped: [] });

describe("proposals", () => {
  let clock: Deadlines;
  let proposals: Proposals;
  let answers: string[];

  beforeEach(() => {
    clock = new Deadlines();
    proposals = new Proposals(clock);
    answers = [];
  });
  const write = (name: string): number =>
    proposals.register(requestId(name), (result) =>
      answers.push(
        `${name}: ${result.ok ? `committed at ${result.value.index}` : result.error.code}`,
      ),
    );

  it("answers once, when its own entry is applied", () => {
    const token = write("a");
    proposals.appended(token, logIndex(5), term(1));
    proposals.applied(logIndex(5), term(1), ACCEPTED);
    clock.runOut();
    expect(answers).to.deep.equal(["a: committed at 5"]);
  });

  it("is lost for certain when the entry of another term is applied at its index", () => {
    const token = write("a");
    proposals.appended(token, logIndex(5), term(1));
    proposals.applied(logIndex(5), term(2), ACCEPTED);
    expect(answers).to.deep.equal(["a: not-leader"]);
  });

  it("is not called lost while another member may still hold the entry and lead", () => {
    const [a, b] = [write("a"), write("b")];
    proposals.appended(a, logIndex(5), term(1));
    // Overwritten here by a leader of term 2; then this manager leads again.
    proposals.appended(b, logIndex(5), term(3));
    expect(answers).to.deep.equal([]);
    // A member that kept the entry of term 1 won term 4 and committed it after all.
    proposals.applied(logIndex(5), term(1), ACCEPTED);
    expect(answers).to.deep.equal(["b: not-leader"]);
    clock.runOut();
    expect(answers).to.deep.equal(["b: not-leader", "a: outcome-unknown"]);
  });

  it("gives each its own deadline, with one timer for all", () => {
    const early = write("early");
    write("late");
    clock.pass(PROPOSAL_ANSWER_MS - 1);
    write("later");
    proposals.refused(early, "no-quorum");
    clock.runOut();
    expect(answers).to.deep.equal(["early: no-quorum", "late: outcome-unknown"]);
    clock.runOut();
    expect(answers.at(-1)).to.equal("later: outcome-unknown");
  });

  it("is unknown, with its request id, after the deadline and when the manager stops", () => {
    const seen: unknown[] = [];
    proposals.register(requestId("a"), (result) => seen.push(result));
    clock.runOut();
    proposals.register(requestId("b"), (result) => seen.push(result));
    proposals.close();
    const [late, stopping] = [
      `not confirmed by a majority of the managers within 5 s`,
      "this manager is stopping",
    ];
    expect(PROPOSAL_ANSWER_MS).to.equal(5000);
    expect(seen).to.deep.equal([
      {
        ok: false,
        error: {
          code: "outcome-unknown",
          message: `${late}; it may still take effect`,
          requestId: "a",
        },
      },
      {
        ok: false,
        error: {
          code: "outcome-unknown",
          message: `${stopping}; it may still take effect`,
          requestId: "b",
        },
      },
    ]);
    expect(proposals.count).to.equal(0);
  });
});

/** Timers that fire when told to. */
class Deadlines implements Clock {
  #armed = new Set<() => void>();
  #now = 0;

  now(): ReturnType<Clock["now"]> {
    return instant(this.#now);
  }

  wall(): ReturnType<Clock["wall"]> {
    return wallTime(0);
  }

  after(delayMs: number, what: () => void): ReturnType<Clock["after"]> {
    const at = this.#now + delayMs;
    const due = (): void => {
      this.#now = Math.max(this.#now, at);
      this.#armed.delete(due);
      what();
    };
    this.#armed.add(due);
    return { cancel: () => void this.#armed.delete(due) };
  }

  /** Time passes, and no timer is late yet. */
  pass(ms: number): void {
    this.#now += ms;
  }

  runOut(): void {
    for (const due of [...this.#armed]) due();
  }
}
