/** Fails with the history when no order of it explains all answers. */
import { assert } from "@skein/common/assert";
import type { Operation } from "./checker.ts";
import { checkHistory } from "./checker.ts";
import type { ConfigAction } from "./model.ts";
import { configModel, describeAction, versionsOf } from "./model.ts";

/**
 * Name by name: there is an order of what the clients did in which all their answers make sense.
 */
export function checkLinearizable(
  histories: readonly {
    readonly name: string;
    readonly operations: readonly Operation<ConfigAction>[];
  }[],
): void {
  for (const { name, operations } of histories) {
    const { versions, fault } = versionsOf(operations);
    if (fault !== undefined) assert(false, `${name}: ${fault}\n${describeHistory(operations)}`);
    const verdict = checkHistory(configModel(versions), operations);
    if (verdict.kind === "linearizable") continue;
    const stuck = verdict.kind === "violation" ? verdict.stuck : [];
    const text = `${describeHistory(operations)}\nnothing explains\n${describeHistory(stuck)}`;
    assert(false, `${name} is not linearizable (${verdict.kind}):\n${text}`);
  }
}

function describeHistory(operations: readonly Operation<ConfigAction>[]): string {
  return operations
    .toSorted((a, b) => a.calledAt - b.calledAt)
    .map(({ client, calledAt, returnedAt, action }) => {
      const time = `${calledAt.toFixed(3)} - ${returnedAt.toFixed(3)}`;
      return `${time} ${client}: ${describeAction(action)}`;
    })
    .join("\n");
}
