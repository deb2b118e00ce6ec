/** What another program's file becomes: a Compose tree, and a report of what has no place in it. */
import type { Finding, Tree, TreeMap } from "@skein/common/compose/tree";
import { below, scalarText } from "@skein/common/compose/tree";

export interface Imported {
  readonly tree: Tree;
  /** What could not be carried over, or was carried over as something else. */
  readonly report: readonly Finding[];
}

export class Report {
  readonly findings: Finding[] = [];

  say(path: string, key: string, reason: string): void {
    this.findings.push({ path: below(path, key), reason });
  }
}

/** A name that a stack's service may have. */
export function serviceName(text: string): string {
  return text.replaceAll(/[^\w-]+/g, "-").replaceAll(/^[-_]+|-+$/g, "") || "app";
}

/** Compose files read `$NAME` as a variable of whoever deploys; a program's own stays its own. */
export function withoutVariables(text: string): string {
  return text.replaceAll("$", "$$$$");
}

/** What `environment` holds: texts, whatever the file wrote. */
export function environmentOf(values: TreeMap): TreeMap {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      return [name, withoutVariables(scalarText(value) ?? JSON.stringify(value))] as const;
    }),
  );
}
