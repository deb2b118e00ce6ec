/** `command` and `entrypoint`: a list of words, or one text that is split into them. */
import type { Place } from "./findings.ts";
import { isList } from "./tree.ts";
import { splitWords } from "./words.ts";

/** Undefined when absent; an empty list says "nothing", which the specification allows. */
export function readWords(place: Place): readonly string[] | undefined {
  if (place.isAbsent) return undefined;
  if (isList(place.tree)) return place.texts();
  const line = place.text();
  if (line === undefined) return undefined;
  const words = splitWords(line);
  return words.ok ? words.value : place.refuse(words.error);
}
