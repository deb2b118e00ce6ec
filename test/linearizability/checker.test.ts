import { expect } from "chai";
import * as fc from "fast-check";
import type { Model, Operation, Verdict } from "./checker.ts";
import { checkHistory } from "./checker.ts";

/** A number that can be read, written, and compared and swapped; 0 at first. */
type Action =
  | { readonly kind: "read"; readonly value: number }
  | { readonly kind: "write"; readonly value: number }
  | { readonly kind: "swap"; readonly from: number; readonly to: number; readonly done: boolean };

const REGISTER: Model<number, Action> = {
  initial: 0,
  step: (state, action) => {
    if (action.kind === "write") return action.value;
    if (action.kind === "read") return action.value === state ? state : undefined;
    if (action.done !== (action.from === state)) return undefined;
    return action.done ? action.to : state;
  },
  describeState: String,
  describeAction: (action) => JSON.stringify(action),
};

const read = (value: number): Action => ({ kind: "read", value });
const write = (value: number): Action => ({ kind: "write", value });
const swap = (from: number, to: number, done = true): Action => ({ kind: "swap", from, to, done });

type Row = readonly [calledAt: number, returnedAt: number | "never", action: Action];

function historyOf(rows: readonly Row[]): readonly Operation<Action>[] {
  return rows.map(([calledAt, end, action], at) => {
    const returnedAt = end === "never" ? Number.POSITIVE_INFINITY : end;
    return { client: `c${at}`, calledAt, returnedAt, action };
  });
}

function verdictOf(rows: readonly Row[]): Verdict<Action>["kind"] {
  return checkHistory(REGISTER, historyOf(rows)).kind;
}

describe("linearizability checker", () => {
  const linearizable: readonly { name: string; rows: readonly Row[] }[] = [
    { name: "nothing", rows: [] },
    {
      name: "one after the other",
      rows: [
        [0, 1, write(1)],
        [2, 3, read(1)],
      ],
    },
    {
      name: "a read beside a write sees the value before",
      rows: [
        [0, 10, write(1)],
        [1, 2, read(0)],
      ],
    },
    {
      name: "a read beside a write sees the value after, and so does the next",
      rows: [
        [0, 10, write(1)],
        [1, 2, read(1)],
        [3, 4, read(1)],
      ],
    },
    {
      name: "the read that was called first returns the newer value",
      rows: [
        [0, 9, read(2)],
        [1, 8, write(1)],
        [2, 7, write(2)],
      ],
    },
    {
      name: "calls and returns of one instant overlap",
      rows: [
        [0, 5, write(1)],
        [5, 6, read(0)],
      ],
    },
    {
      name: "an unknown write took effect late",
      rows: [
        [0, "never", write(1)],
        [1, 2, read(0)],
        [8, 9, read(1)],
      ],
    },
    {
      name: "an unknown write took no effect",
      rows: [
        [0, "never", write(1)],
        [8, 9, read(0)],
      ],
    },
    {
      name: "of two swaps from one value the second one fails",
      rows: [
        [0, 5, swap(0, 1)],
        [0, 5, swap(0, 2, false)],
        [6, 7, read(1)],
      ],
    },
    {
      name: "a chain of swaps in the opposite order of their calls",
      rows: [
        [0, 9, swap(2, 3)],
        [1, 9, swap(1, 2)],
        [2, 9, swap(0, 1)],
        [10, 11, read(3)],
      ],
    },
  ];
  for (const { name, rows } of linearizable) {
    it(`accepts: ${name}`, () => expect(verdictOf(rows)).to.equal("linearizable"));
  }

  const violations: readonly { name: string; rows: readonly Row[] }[] = [
    { name: "a value nobody wrote", rows: [[0, 1, read(7)]] },
    {
      name: "a stale read",
      rows: [
        [0, 1, write(1)],
        [2, 3, read(0)],
      ],
    },
    {
      name: "a lost write",
      rows: [
        [0, 1, write(1)],
        [2, 3, write(2)],
        [4, 5, read(1)],
      ],
    },
    {
      name: "two reads beside a write that go back",
      rows: [
        [0, 10, write(1)],
        [1, 2, read(1)],
        [3, 4, read(0)],
      ],
    },
    {
      name: "two readers that see two writes in different orders",
      rows: [
        [0, 20, write(1)],
        [0, 20, write(2)],
        [1, 2, read(1)],
        [3, 4, read(2)],
        [1, 2, read(1)],
        [5, 6, read(1)],
      ],
    },
    {
      name: "two swaps from one value",
      rows: [
        [0, 5, swap(0, 1)],
        [0, 5, swap(0, 2)],
      ],
    },
    {
      name: "an unknown write that took effect twice",
      rows: [
        [0, "never", write(1)],
        [1, 2, read(1)],
        [3, 4, write(2)],
        [5, 6, read(1)],
      ],
    },
    {
      name: "an unknown write seen before it was called",
      rows: [
        [0, 1, read(1)],
        [2, "never", write(1)],
      ],
    },
    {
      name: "a swap that failed although nothing was in its way",
      rows: [[0, 1, swap(0, 1, false)]],
    },
  ];
  for (const { name, rows } of violations) {
    it(`refuses: ${name}`, () => expect(verdictOf(rows)).to.equal("violation"));
  }

  it("names the longest order it found and what cannot follow", () => {
    const history = historyOf([
      [0, 1, write(1)],
      [2, 3, read(0)],
      [8, 9, read(1)],
    ]);
    const verdict = checkHistory(REGISTER, history);
    expect(verdict).to.deep.equal({
      kind: "violation",
      placed: [history[0]],
      stuck: [history[1]],
    });
  });

  it("gives the order it found", () => {
    const history = historyOf([
      [0, 9, read(1)],
      [1, 2, write(1)],
      [3, 4, read(1)],
    ]);
    const verdict = checkHistory(REGISTER, history);
    expect(verdict).to.have.property("kind", "linearizable");
    expect(verdict).to.have.deep.property("order", [history[1], history[0], history[2]]);
  });

  it("gives up loudly", () => {
    expect(checkHistory(REGISTER, historyOf([[0, 1, write(1)]]), 0).kind).to.equal("undecided");
  });

  it("holds more operations than a word has bits", () => {
    const rows = Array.from({ length: 100 }, (_, at): Row => [at * 2, at * 2 + 3, write(at)]);
    expect(verdictOf([...rows, [300, 301, read(99)]])).to.equal("linearizable");
    expect(verdictOf([...rows, [300, 301, read(97)]])).to.equal("violation");
  });

  it("agrees with a search through all orders", function () {
    this.timeout(60_000);
    const seen = { linearizable: 0, violation: 0, undecided: 0 };
    const time = fc.integer({ min: 0, max: 12 });
    const value = fc.integer({ min: 0, max: 2 });
    const action: fc.Arbitrary<Action> = fc.oneof(
      value.map(read),
      value.map(write),
      fc.tuple(value, value, fc.boolean()).map(([from, to, done]) => swap(from, to, done)),
    );
    const row = fc
      .record({
        from: time,
        lengthMs: fc.integer({ min: 0, max: 6 }),
        isOpen: fc.boolean(),
        action,
      })
      .map(({ from, lengthMs, isOpen, action: what }): Row => {
        return [from, isOpen ? "never" : from + lengthMs, what];
      });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 6 }), (rows) => {
        const history = historyOf(rows);
        const verdict = checkHistory(REGISTER, history);
        seen[verdict.kind] += 1;
        expect(verdict.kind === "linearizable").to.equal(existsOrder(history));
        if (verdict.kind === "linearizable") expect(isOrder(verdict.order, history)).to.equal(true);
      }),
      { numRuns: 3000 },
    );
    expect(seen.linearizable).to.be.above(300);
    expect(seen.violation).to.be.above(300);
  });
});

/** The oracle: every subset that holds all that returned, in every order. */
function existsOrder(history: readonly Operation<Action>[]): boolean {
  const extend = (order: readonly Operation<Action>[], state: number): boolean => {
    if (isOrder(order, history)) return true;
    return history.some((operation) => {
      if (order.includes(operation)) return false;
      const next = REGISTER.step(state, operation.action);
      return next !== undefined && extend([...order, operation], next);
    });
  };
  return extend([], REGISTER.initial);
}

/** Complete, in the order of real time, and answered as the register answers. */
function isOrder(
  order: readonly Operation<Action>[],
  history: readonly Operation<Action>[],
): boolean {
  const isComplete = history.every(
    (operation) => operation.returnedAt === Number.POSITIVE_INFINITY || order.includes(operation),
  );
  const inTime = order.every((later, at) =>
    order.slice(0, at).every((earlier) => later.returnedAt >= earlier.calledAt),
  );
  let state: number | undefined = REGISTER.initial;
  for (const { action } of order) {
    if (state !== undefined) state = REGISTER.step(state, action);
  }
  return isComplete && inTime && state !== undefined;
}
