/**
 * The row of a stack: its revisions. The steps of the command are run by sequence.ts, before and
 * after this handler knows nothing of them.
 */
import type { Revision } from "@skein/common/model/stack";
import { STACK_REVISIONS_MAX } from "../../limits.ts";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { stackNameTaken, stackNotFound, versionConflict } from "../refusal.ts";
import type { StoreView } from "../tables.ts";

export function applyWriteStack(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"write-stack">,
): Outcome {
  const { stackId, name, version, revision } = command;
  const found = view.stacks.get(stackId);
  const draft = new Draft(view, facts);
  if (version === 0) {
    const isTaken = view.stacks.list().some((stack) => stack.name === name);
    if (found !== undefined || isTaken) return stackNameTaken(name);
    if (command.isLabelOnly === true) return draft.accept(stackId);
    if (revision === undefined) return stackNameTaken(name);
    const revisions = [{ ...revision, number: 1, at: facts.wall }];
    draft.stacks.put({ id: stackId, ...draft.born(), name, revisions });
    return draft.accept(stackId);
  }
  if (found === undefined) return stackNotFound(name);
  if (found.version !== version) return versionConflict();
  if (revision === undefined) draft.stacks.remove(stackId);
  else {
    const next: Revision = { ...revision, number: lastNumber(found.revisions) + 1, at: facts.wall };
    const revisions = [...found.revisions, next].slice(-STACK_REVISIONS_MAX);
    draft.stacks.put({ ...found, revisions });
  }
  return draft.accept(stackId);
}

function lastNumber(revisions: readonly Revision[]): number {
  return revisions.at(-1)?.number ?? 0;
}
