/** The text of a Compose file -> its tree. */
import { OVERRIDE_KEY, RESET_KEY } from "@skein/common/compose/merge";
import type { Tree } from "@skein/common/compose/tree";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { CollectionTag, ScalarTag } from "yaml";
import { parseDocument } from "yaml";
import { COMPOSE_ALIASES_MAX } from "../limits.ts";

/** YAML 1.2, so that `22:22` and `no` are texts; `<<` merges as in 1.1, which files rely on. */
export function readYaml(text: string): Result<Tree, string> {
  const document = parseDocument(text, { merge: true, customTags: TAGS, prettyErrors: true });
  const [problem] = document.errors;
  if (problem !== undefined) return fail(problem.message.split("\n")[0] ?? problem.message);
  try {
    return toTree(document.toJS({ maxAliasCount: COMPOSE_ALIASES_MAX }));
  } catch (error) {
    // An alias without its anchor, or more copies than a file can mean.
    return fail(error instanceof Error ? error.message : String(error));
  }
}

/** What a file may mark: `!reset` and `!override`, on a value of any kind. */
const TAGS: (ScalarTag | CollectionTag)[] = [
  { tag: "!reset", resolve: () => ({ [RESET_KEY]: null }) },
  { tag: "!override", resolve: (text) => ({ [OVERRIDE_KEY]: text }) },
  ...(["map", "seq"] as const).flatMap((collection): CollectionTag[] => [
    { tag: "!reset", collection, resolve: () => ({ [RESET_KEY]: null }) },
    {
      tag: "!override",
      collection,
      resolve: (node) => ({ [OVERRIDE_KEY]: "toJSON" in node ? node.toJSON() : null }),
    },
  ]),
];

/** Only what JSON can hold: a date, a binary or an object of a tag has no place in a stack. */
function toTree(value: unknown): Result<Tree, string> {
  const text = JSON.stringify(value ?? null, (_key, part: unknown) =>
    part instanceof Map ? Object.fromEntries(part) : part,
  );
  // JSON.stringify made it: maps, lists and scalars only.
  return ok(JSON.parse(text) as Tree);
}
