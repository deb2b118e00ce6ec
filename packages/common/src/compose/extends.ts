/**
 * `extends`: a service that begins as a copy of another one, of this file or of another.
 *
 * Source: Compose specification, "extends". What is read from disk is handed in: files by path.
 */
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import { mergeServices } from "./merge.ts";
import type { Finding, Tree, TreeMap } from "./tree.ts";
import { isMap, mapAt, scalarText } from "./tree.ts";

/** Longer chains are circles or a mistake. */
const CHAIN_MAX = 32;

export interface Files {
  /** The tree of the file at `path`, written in the file at `from`; undefined: not read. */
  readonly tree: (path: string, from: string) => Tree | undefined;
  /** A name for `path` that is the same from wherever it is written. */
  readonly resolve: (path: string, from: string) => string;
}

/** The services of `file`, each with what it extends merged in and its own `extends` gone. */
export function resolveExtends(
  file: { readonly path: string; readonly tree: Tree },
  files: Files,
): Result<Tree, readonly Finding[]> {
  if (!isMap(file.tree)) return ok(file.tree);
  const wrong: Finding[] = [];
  const services: Record<string, Tree> = {};
  for (const [name, service] of Object.entries(mapAt(file.tree, "services"))) {
    const whole = isMap(service)
      ? extended({ ...file, name, chain: [] }, service, files)
      : ok(service);
    if (whole.ok) services[name] = whole.value;
    else wrong.push({ path: `services.${name}.extends`, reason: whole.error });
  }
  if (wrong.length > 0) return fail(wrong);
  return ok(Object.hasOwn(file.tree, "services") ? { ...file.tree, services } : file.tree);
}

interface At {
  readonly path: string;
  readonly tree: Tree;
  readonly name: string;
  /** `file#service` of each step so far. */
  readonly chain: readonly string[];
}

function extended(at: At, service: TreeMap, files: Files): Result<TreeMap, string> {
  const { extends: base, ...own } = service;
  if (base === undefined || base === null) return ok(own);
  const name = isMap(base) ? scalarText(base["service"]) : scalarText(base);
  if (name === undefined) return fail("must name a service");
  const file = isMap(base) ? scalarText(base["file"]) : undefined;
  const path = file === undefined ? at.path : files.resolve(file, at.path);
  const tree = file === undefined ? at.tree : files.tree(file, at.path);
  if (tree === undefined) return fail(`the file ${file} cannot be read`);
  const step = `${path}#${name}`;
  const chain = [...at.chain, `${at.path}#${at.name}`];
  if (chain.includes(step) || chain.length > CHAIN_MAX) {
    const names = [...chain, step].map((one) => one.slice(one.lastIndexOf("#") + 1));
    return fail(`services extend each other in a circle: ${names.join(" -> ")}`);
  }
  const found = mapAt(tree, "services")[name];
  if (!isMap(found))
    return fail(`there is no service ${name}${file === undefined ? "" : ` in ${file}`}`);
  const whole = extended({ path, tree, name, chain }, found, files);
  if (!whole.ok) return whole;
  return ok(mergeServices(withoutReferences(whole.value), own));
}

/** What refers to other services of the base's file is not taken over with it. */
function withoutReferences(service: TreeMap): TreeMap {
  const { depends_on: _dependencies, links: _links, volumes_from: _volumes, ...rest } = service;
  return rest;
}
