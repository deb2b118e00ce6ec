/** `environment`, `labels` and the like: a map, or a list of `KEY=value`. */
import type { Place } from "./findings.ts";
import { pairsToMap } from "./merge.ts";
import { below, isList, isMap, kindOf, scalarText } from "./tree.ts";

/** Sorted by key, so that two files that say the same give the same spec. */
export function readPairs(place: Place): readonly (readonly [string, string])[] {
  if (place.isAbsent) return [];
  if (!isList(place.tree) && !isMap(place.tree)) {
    place.refuse(`must be a map or a list of KEY=value, not ${kindOf(place.tree)}`);
    return [];
  }
  const pairs = pairsToMap(place.tree);
  if (!isMap(pairs)) return [];
  const found: (readonly [string, string])[] = [];
  for (const [key, value] of Object.entries(pairs)) {
    const text = value === null ? "" : scalarText(value);
    if (text === undefined) {
      place.findings.refuse(below(place.path, key), `must be a text, not ${kindOf(value)}`);
    } else found.push([key, text]);
  }
  return found.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
}

export function readLabels(place: Place): Readonly<Record<string, string>> {
  return Object.fromEntries(readPairs(place));
}
