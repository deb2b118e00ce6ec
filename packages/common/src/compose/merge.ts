/**
 * Several Compose files into one: later files add to and override earlier ones.
 *
 * Source: Compose specification, "Merge and override". Maps merge key by key; lists append;
 * commands, entry points and health tests are replaced; lists whose items have an identity (ports,
 * mounts, environment …) keep one item each, the later one. The YAML tags `!reset` (drop the key)
 * and `!override` (take this value as it is) arrive as marks: maps with one key.
 */
import type { Tree, TreeMap } from "./tree.ts";
import { isList, isMap, scalarText } from "./tree.ts";

/** How a reader of YAML hands in `!reset` and `!override`: a map with just this key. */
export const RESET_KEY = "!reset";
export const OVERRIDE_KEY = "!override";

/** `over` wins and keeps its marks: they may be meant for a file that is merged later. */
export function mergeFiles(base: Tree, over: Tree): Tree {
  return mergeAt(base, over, []);
}

/** One service over another, as `extends` wants it. */
export function mergeServices(base: TreeMap, over: TreeMap): TreeMap {
  const merged = settled(mergeAt(base, over, ["services", "*"]));
  return isMap(merged) ? merged : {};
}

/** Replaced as a whole: a command of two files together is nobody's command. */
const REPLACED = new Set(["command", "entrypoint", "test"]);
/** Written as a list `KEY=value` or as a map: both become a map before they merge. */
const PAIRS = new Set(["environment", "labels", "annotations", "sysctls", "extra_hosts", "args"]);
/** Lists that may also be maps of settings by name. */
const NAMED = new Set(["networks", "depends_on"]);

/** What tells an item of a list from the others. */
const IDENTITIES: Readonly<Record<string, (item: Tree) => string | undefined>> = {
  ports: portIdentity,
  volumes: (item) => (isMap(item) ? scalarText(item["target"]) : scalarText(item)?.split(":")[1]),
  secrets: fileIdentity,
  configs: fileIdentity,
  profiles: scalarText,
  constraints: scalarText,
  expose: scalarText,
  dns: scalarText,
  dns_search: scalarText,
  cap_add: scalarText,
  cap_drop: scalarText,
  env_file: (item) => (isMap(item) ? scalarText(item["path"]) : scalarText(item)),
};

function mergeAt(base: Tree | undefined, over: Tree, path: readonly string[]): Tree {
  const marked = markOf(over);
  if (marked !== undefined || base === undefined || base === null) return over;
  const key = path.at(-1) ?? "";
  // Within a service; at the top of a file `networks` and `configs` are maps by name.
  const inService = path.length >= 3 && path[0] === "services";
  if (inService && REPLACED.has(key)) return over;
  if (inService && PAIRS.has(key)) return mergeMaps(pairsToMap(base), pairsToMap(over), path);
  if (inService && NAMED.has(key)) return mergeMaps(namesToMap(base), namesToMap(over), path);
  if (isMap(base) && isMap(over)) return mergeMaps(base, over, path);
  if (isList(base) && isList(over)) {
    return inService ? appendUnique(base, over, IDENTITIES[key]) : [...base, ...over];
  }
  return over;
}

function mergeMaps(base: Tree, over: Tree, path: readonly string[]): Tree {
  if (!isMap(base) || !isMap(over)) return over;
  const merged: Record<string, Tree> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = Object.hasOwn(merged, key) ? merged[key] : undefined;
    const step = path.length === 1 && path[0] === "services" ? "*" : key;
    const result = mergeAt(before, value, [...path, step]);
    Object.defineProperty(merged, key, {
      value: result,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return merged;
}

function appendUnique(
  base: readonly Tree[],
  over: readonly Tree[],
  identity: ((item: Tree) => string | undefined) | undefined,
): readonly Tree[] {
  if (identity === undefined) return [...base, ...over];
  const later = new Set(over.map(identity).filter((name) => name !== undefined));
  const kept = base.filter((item) => {
    const name = identity(item);
    return name === undefined || !later.has(name);
  });
  return [...kept, ...over];
}

function portIdentity(item: Tree): string | undefined {
  if (!isMap(item)) return scalarText(item);
  const part = (key: string): string => scalarText(item[key]) ?? "";
  return `${part("host_ip")}:${part("published")}:${part("target")}/${part("protocol") || "tcp"}`;
}

function fileIdentity(item: Tree): string | undefined {
  return isMap(item)
    ? (scalarText(item["target"]) ?? scalarText(item["source"]))
    : scalarText(item);
}

/** `["A=1", "B"]` -> `{A: "1", B: null}`. */
export function pairsToMap(tree: Tree): Tree {
  if (!isList(tree)) return tree;
  const entries = tree.map((item): readonly [string, Tree] => {
    const text = scalarText(item) ?? "";
    const at = text.search(/[=]/);
    return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
  });
  return Object.fromEntries(entries);
}

function namesToMap(tree: Tree): Tree {
  if (!isList(tree)) return tree;
  return Object.fromEntries(tree.map((item) => [scalarText(item) ?? "", null]));
}

function markOf(tree: Tree): "reset" | "override" | undefined {
  if (!isMap(tree)) return undefined;
  if (Object.hasOwn(tree, RESET_KEY)) return "reset";
  return Object.hasOwn(tree, OVERRIDE_KEY) ? "override" : undefined;
}

/** Once all files are merged: without reset keys, overriding values in place of their marks. */
export function settled(tree: Tree): Tree {
  if (isList(tree)) return tree.map(settled);
  if (!isMap(tree)) return tree;
  if (Object.hasOwn(tree, OVERRIDE_KEY)) return settled(tree[OVERRIDE_KEY] ?? null);
  const kept = Object.entries(tree).filter(([, value]) => markOf(value) !== "reset");
  return Object.fromEntries(kept.map(([key, value]) => [key, settled(value)]));
}
