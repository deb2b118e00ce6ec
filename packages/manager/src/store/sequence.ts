/**
 * Several commands as one: each sees what those before it wrote, and all of them take effect or
 * none does.
 *
 * Invariants:
 *   Q1. Afterwards the tables are as before: what is returned is written by the caller, like the
 *       writes of any other command.
 *   Q2. One write a row: its state before the first step, and after the last.
 */
import type { Dispatch } from "./apply/handlers.ts";
import { dispatch } from "./apply/handlers.ts";
import type { Command, CommandOf } from "./command.ts";
import type { Applied, Outcome } from "./draft.ts";
import { stackStepRefused } from "./refusal.ts";
import type { Tables } from "./tables.ts";
import type { Write } from "./write.ts";

/** What may be a step: what a user could also do alone. */
const STACK_STEPS: ReadonlySet<Command["kind"]> = new Set([
  "create-service",
  "update-service",
  "remove-service",
  "create-network",
  "remove-network",
  "create-config",
  "remove-config",
  "create-secret",
  "remove-secret",
]);

export function runSequence(
  tables: Tables,
  run: Omit<Dispatch, "view">,
  command: CommandOf<"write-stack">,
): Outcome {
  const odd = command.steps.find((step) => !STACK_STEPS.has(step.kind));
  if (odd !== undefined) return stackStepRefused(odd.kind);
  const cursor = tables.addressCursor;
  const done: Write[] = [];
  const answers: Applied[] = [];
  let refused: Outcome | undefined;
  for (const step of [command, ...command.steps]) {
    const outcome = dispatch({ ...run, view: tables }, step);
    if (!outcome.ok) {
      refused = outcome;
      break;
    }
    answers.push(outcome.value);
    for (const write of outcome.value.writes) {
      tables.commit(write);
      done.push(write);
    }
    tables.setAddressCursor(outcome.value.addressCursor);
  }
  const addressCursor = tables.addressCursor;
  for (const write of done.toReversed()) tables.commit(inverse(write));
  tables.setAddressCursor(cursor);
  if (refused !== undefined) return refused;
  return {
    ok: true,
    value: { writes: joined(done), addressCursor, accepted: told(command, answers) },
  };
}

function told(command: CommandOf<"write-stack">, answers: readonly Applied[]): Applied["accepted"] {
  return {
    id: command.stackId,
    warnings: answers.flatMap(({ accepted }) => accepted.warnings),
    skipped: answers.flatMap(({ accepted }) => accepted.skipped),
  };
}

function inverse(write: Write): Write {
  // A swap keeps the table and its row type, which a spread over a union loses.
  return { ...write, before: write.after, after: write.before } as Write;
}

/** Q2, in the order in which the rows were first touched. */
function joined(writes: readonly Write[]): readonly Write[] {
  const rows = new Map<string, Write>();
  for (const write of writes) {
    const key = `${write.table}/${write.id}`;
    const first = rows.get(key);
    // The key holds the table: both are of the same one.
    rows.set(key, first === undefined ? write : ({ ...first, after: write.after } as Write));
  }
  return [...rows.values()].filter(
    ({ before, after }) => before !== undefined || after !== undefined,
  );
}
