/** What reading a file collects: what is wrong, and what is accepted but has no effect. */
import type { Finding, Tree, TreeMap } from "./tree.ts";
import { below, isList, isMap, kindOf, scalarText } from "./tree.ts";
import { parseDuration, parseSize } from "./units.ts";

/** More than these are not told: the rest follows from them, or the file is no Compose file. */
const FINDINGS_MAX = 50;

export class Findings {
  readonly wrong: Finding[] = [];
  readonly ignored: Finding[] = [];

  refuse(path: string, reason: string): undefined {
    if (this.wrong.length < FINDINGS_MAX) this.wrong.push({ path, reason });
    return undefined;
  }

  ignore(path: string, reason: string): void {
    if (this.ignored.length < FINDINGS_MAX) this.ignored.push({ path, reason });
  }
}

/** A value with its place: what every reader takes. Absent values read as undefined, unremarked. */
export class Place {
  readonly findings: Findings;
  readonly path: string;
  readonly tree: Tree | undefined;

  constructor(findings: Findings, path: string, tree: Tree | undefined) {
    this.findings = findings;
    this.path = path;
    this.tree = tree;
  }

  get isAbsent(): boolean {
    return this.tree === undefined || this.tree === null;
  }

  at(key: string): Place {
    const found = isMap(this.tree) && Object.hasOwn(this.tree, key) ? this.tree[key] : undefined;
    return new Place(this.findings, below(this.path, key), found);
  }

  refuse(reason: string): undefined {
    return this.findings.refuse(this.path, reason);
  }

  text(): string | undefined {
    if (this.isAbsent) return undefined;
    const found = scalarText(this.tree);
    return found ?? this.refuse(`must be a text, not ${kindOf(this.tree)}`);
  }

  flag(): boolean | undefined {
    if (this.isAbsent) return undefined;
    if (this.tree === true || this.tree === "true") return true;
    if (this.tree === false || this.tree === "false") return false;
    return this.refuse(`must be true or false, not ${kindOf(this.tree)}`);
  }

  count(): number | undefined {
    const found = this.text();
    if (found === undefined) return undefined;
    const value = /^\d+$/.test(found) ? Number(found) : Number.NaN;
    if (Number.isSafeInteger(value)) return value;
    return this.refuse(`must be a whole number from 0, not ${kindOf(this.tree)}`);
  }

  /** Nanoseconds. */
  duration(): number | undefined {
    const found = this.text();
    if (found === undefined) return undefined;
    const value = parseDuration(found);
    return value ?? this.refuse(`must be a duration such as 10s or 1m30s, not ${found}`);
  }

  /** Bytes. */
  size(): number | undefined {
    const found = this.text();
    if (found === undefined) return undefined;
    const value = parseSize(found);
    return value ?? this.refuse(`must be a size such as 50M or 1g, not ${found}`);
  }

  oneOf<Word extends string>(words: readonly Word[]): Word | undefined {
    const found = this.text();
    if (found === undefined) return undefined;
    const word = words.find((one) => one === found);
    return word ?? this.refuse(`must be one of ${words.join(", ")}, not ${found}`);
  }

  list(): readonly Place[] {
    if (this.isAbsent) return [];
    if (!isList(this.tree)) {
      this.refuse(`must be a list, not ${kindOf(this.tree)}`);
      return [];
    }
    return this.tree.map((item, at) => new Place(this.findings, below(this.path, at), item));
  }

  /** A list of texts, or one text for a list of one. */
  texts(): readonly string[] {
    if (!this.isAbsent && !isList(this.tree)) {
      const single = this.text();
      return single === undefined ? [] : [single];
    }
    return this.list().flatMap((item) => item.text() ?? []);
  }

  map(): TreeMap {
    if (this.isAbsent) return {};
    if (isMap(this.tree)) return this.tree;
    this.refuse(`must be a map, not ${kindOf(this.tree)}`);
    return {};
  }

  /** The map's values with their keys, in the file's order. */
  entries(): readonly (readonly [string, Place])[] {
    return Object.keys(this.map()).map((key) => [key, this.at(key)] as const);
  }

  /** Refuses every key that is not among these; `x-…` keys are the author's own. */
  onlyKeys(known: readonly string[], what: string): void {
    for (const key of Object.keys(this.map())) {
      if (known.includes(key) || key.startsWith("x-")) continue;
      const near = known.find((one) => isNear(one, key));
      const hint = near === undefined ? "" : `; did you mean ${near}?`;
      this.findings.refuse(below(this.path, key), `${what} has no such key${hint}`);
    }
  }
}

/** One letter added, left out, changed, or two neighbours swapped. */
function isNear(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  const most = Math.min(a.length, b.length) - start;
  while (end < most && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [restA, restB] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  if (restA.length <= 1 && restB.length <= 1) return true;
  return restA.length === 2 && restA === `${restB[1]}${restB[0]}`;
}
