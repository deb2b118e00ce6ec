/** `depends_on`: which services must have come how far before this one first starts. */
import type { Place } from "./findings.ts";
import { isList } from "./tree.ts";

export const CONDITIONS = [
  "service_started",
  "service_healthy",
  "service_completed_successfully",
] as const;
export type Condition = (typeof CONDITIONS)[number];

export interface Dependency {
  readonly service: string;
  readonly condition: Condition;
  /** False: only if the other one is part of the stack at all. */
  readonly required: boolean;
}

export function readDependsOn(place: Place): readonly Dependency[] {
  if (place.isAbsent) return [];
  if (isList(place.tree)) {
    return place.texts().map((service) => ({
      service,
      condition: "service_started",
      required: true,
    }));
  }
  return place.entries().map(([service, item]) => {
    item.onlyKeys(["condition", "restart", "required"], "a dependency");
    if (item.at("restart").flag() === true) {
      place.findings.ignore(item.at("restart").path, "a dependent is not restarted with it");
    }
    return {
      service,
      condition: item.at("condition").oneOf(CONDITIONS) ?? "service_started",
      required: item.at("required").flag() ?? true,
    };
  });
}

/**
 * The names on the first circle found, in order, the first one again at the end; undefined when
 * there is none. Services are visited in the given order.
 */
export function findCycle(
  dependencies: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  const done = new Set<string>();
  for (const start of dependencies.keys()) {
    // Depth first with an explicit stack: a long chain must not use up the call stack.
    const path: { readonly name: string; next: number }[] = [{ name: start, next: 0 }];
    while (path.length > 0) {
      const top = path.at(-1);
      if (top === undefined) break;
      const name = dependencies.get(top.name)?.[top.next];
      top.next += 1;
      if (name === undefined) {
        done.add(top.name);
        path.pop();
        continue;
      }
      const at = path.findIndex((step) => step.name === name);
      if (at >= 0) return [...path.slice(at).map((step) => step.name), name];
      if (!done.has(name)) path.push({ name, next: 0 });
    }
  }
  return undefined;
}
