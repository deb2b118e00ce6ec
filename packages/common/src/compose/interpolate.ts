/**
 * Variables in a Compose file's values: `$NAME`, `${NAME}`, defaults, required ones and
 * replacements, each with and without the colon, nested to any depth; `$$` is a dollar sign.
 *
 * Source: Compose specification, "Interpolation".
 *
 * Invariants:
 *   V1. Total: every text gives a text or a reason, in time linear in text and values.
 *   V2. A value that was put in is not looked at again: no variable of a variable, no loop.
 */
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import type { Finding, Tree } from "./tree.ts";
import { below, isList, isMap } from "./tree.ts";

export type Variables = ReadonlyMap<string, string>;

export interface Interpolated<T> {
  readonly value: T;
  /** Names that were used without a default and are not set: Compose takes them for empty. */
  readonly unset: readonly string[];
}

/** As deep as `${A:-${B:-…}}` may nest: a hostile file must not use up the stack. */
const NESTING_MAX = 20;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
/** Longest first, so that ":-" is not read as ":" and a dash. */
const OPERATORS = [":-", ":?", ":+", "-", "?", "+"] as const;
type Operator = (typeof OPERATORS)[number];

export function interpolateText(
  text: string,
  variables: Variables,
): Result<Interpolated<string>, string> {
  const scanner = new Scanner(text, variables);
  const value = scanner.text(0, false);
  if (scanner.wrong !== undefined) return fail(scanner.wrong);
  return ok({ value, unset: [...scanner.unset] });
}

/** Every value of a tree; keys stay as they are. All errors are told, not only the first. */
export function interpolateTree(
  tree: Tree,
  variables: Variables,
): Result<Interpolated<Tree>, readonly Finding[]> {
  const wrong: Finding[] = [];
  const unset = new Set<string>();
  const walk = (node: Tree, path: string): Tree => {
    if (isList(node)) return node.map((item, at) => walk(item, below(path, at)));
    if (isMap(node)) {
      const entries = Object.entries(node).map(
        ([key, value]) => [key, walk(value, below(path, key))] as const,
      );
      return Object.fromEntries(entries);
    }
    if (typeof node !== "string" || !node.includes("$")) return node;
    const done = interpolateText(node, variables);
    if (!done.ok) {
      wrong.push({ path, reason: done.error });
      return node;
    }
    for (const name of done.value.unset) unset.add(name);
    return done.value.value;
  };
  const value = walk(tree, "");
  return wrong.length > 0 ? fail(wrong) : ok({ value, unset: [...unset] });
}

/** Reads the text once, from left to right. */
class Scanner {
  readonly #text: string;
  readonly #variables: Variables;
  readonly unset = new Set<string>();
  /** The first error; what was read after it means nothing. */
  wrong: string | undefined;
  #at = 0;

  constructor(text: string, variables: Variables) {
    this.#text = text;
    this.#variables = variables;
  }

  /** Up to the end, or to the brace that closes what is nested; the brace is not consumed. */
  text(depth: number, nested: boolean): string {
    if (depth > NESTING_MAX) this.#refuse(`variables nest deeper than ${NESTING_MAX}`);
    let out = "";
    while (this.wrong === undefined && this.#at < this.#text.length) {
      const letter = this.#text.charAt(this.#at);
      if (nested && letter === "}") break;
      if (letter === "$") out += this.#dollar(depth);
      else {
        out += letter;
        this.#at += 1;
      }
    }
    return out;
  }

  #dollar(depth: number): string {
    this.#at += 1;
    const next = this.#text.charAt(this.#at);
    if (next === "$") {
      this.#at += 1;
      return "$";
    }
    if (next === "{") {
      this.#at += 1;
      return this.#braced(depth);
    }
    const name = this.#name();
    return name === "" ? this.#refuse("a single $ begins no variable") : this.#plain(name);
  }

  #braced(depth: number): string {
    const name = this.#name();
    if (name === "") return this.#refuse("${ is not followed by a name");
    const operator = OPERATORS.find((one) => this.#text.startsWith(one, this.#at));
    this.#at += operator?.length ?? 0;
    // What is not used is read too, for its end, but its unset names are nobody's concern.
    const before = new Set(this.unset);
    const word = operator === undefined ? "" : this.text(depth + 1, true);
    if (this.wrong !== undefined) return "";
    if (this.#text.charAt(this.#at) !== "}") return this.#refuse(`\${${name} is not closed by }`);
    this.#at += 1;
    if (operator === undefined) return this.#plain(name);
    const used = this.#apply(name, operator, word);
    if (used !== word) this.#forgetUnsetSince(before);
    return used;
  }

  #apply(name: string, operator: Operator, word: string): string {
    const value = this.#variables.get(name);
    const there = operator.startsWith(":")
      ? value !== undefined && value !== ""
      : value !== undefined;
    if (operator.endsWith("+")) return there ? word : "";
    if (there) return value ?? "";
    if (operator.endsWith("-")) return word;
    const state = value === undefined ? "is not set" : "is empty";
    return this.#fail(`required variable ${name} ${state}${word === "" ? "" : `: ${word}`}`);
  }

  #forgetUnsetSince(before: ReadonlySet<string>): void {
    for (const name of this.unset) if (!before.has(name)) this.unset.delete(name);
  }

  #plain(name: string): string {
    const value = this.#variables.get(name);
    if (value === undefined) this.unset.add(name);
    return value ?? "";
  }

  #name(): string {
    NAME.lastIndex = this.#at;
    const found = NAME.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #refuse(reason: string): string {
    const where = JSON.stringify(this.#text.slice(0, 100));
    return this.#fail(`invalid variable in ${where}: ${reason}; write $$ for a dollar sign`);
  }

  #fail(reason: string): string {
    this.wrong ??= reason;
    return "";
  }
}
