/** What a Compose file is before anyone has looked at its meaning: maps, lists and scalars. */

export type Tree = null | string | number | boolean | readonly Tree[] | TreeMap;
// An interface, because a type alias cannot name itself here.
export interface TreeMap {
  readonly [key: string]: Tree;
}

/** One thing that is wrong, or that is reported, with the place it stands at. */
export interface Finding {
  /** Dotted, as in `services.web.ports.0`; empty for the whole file. */
  readonly path: string;
  readonly reason: string;
}

export function isMap(tree: Tree | undefined): tree is TreeMap {
  return typeof tree === "object" && tree !== null && !Array.isArray(tree);
}

export function isList(tree: Tree | undefined): tree is readonly Tree[] {
  return Array.isArray(tree);
}

/** The map at a key; an empty one where there is none or something else. */
export function mapAt(tree: Tree | undefined, key: string): TreeMap {
  const found = isMap(tree) ? tree[key] : undefined;
  return isMap(found) ? found : {};
}

export function below(path: string, key: string | number): string {
  return path === "" ? String(key) : `${path}.${key}`;
}

/** A scalar as the text that the file's author saw; undefined for maps, lists and null. */
export function scalarText(tree: Tree | undefined): string | undefined {
  if (typeof tree === "string") return tree;
  return typeof tree === "number" || typeof tree === "boolean" ? String(tree) : undefined;
}

/** For messages: "a list", "a map", `"text"`. */
export function kindOf(tree: Tree | undefined): string {
  if (tree === null || tree === undefined) return "nothing";
  if (isList(tree)) return "a list";
  return isMap(tree) ? "a map" : JSON.stringify(tree);
}
