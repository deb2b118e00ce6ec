/** What differs between two specs, as `plan` and `service history` print it. */
import { at, textAt } from "../api/read.ts";
import { print } from "./context.ts";

export function printChanges(changes: readonly unknown[]): void {
  for (const change of changes) {
    const [before, after] = [at(change, "before"), at(change, "after")];
    const was = typeof before === "string" ? before : "(none)";
    print(`  ${textAt(change, "path")}: ${was} -> ${typeof after === "string" ? after : "(none)"}`);
  }
}
