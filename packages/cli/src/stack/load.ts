/**
 * Compose files of this machine -> one tree with nothing left to look up: variables filled in,
 * files included, extended and merged, environments complete, and the contents of configs and
 * secrets beside it.
 */
import { basename, dirname, resolve } from "node:path";
import { readEnvFile } from "@skein/common/compose/env-file";
import type { Files } from "@skein/common/compose/extends";
import { resolveExtends } from "@skein/common/compose/extends";
import type { Variables } from "@skein/common/compose/interpolate";
import { interpolateTree } from "@skein/common/compose/interpolate";
import { mergeFiles, settled } from "@skein/common/compose/merge";
import { withProfiles } from "@skein/common/compose/profiles";
import type { Finding, Tree } from "@skein/common/compose/tree";
import { isList, isMap, scalarText } from "@skein/common/compose/tree";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { COMPOSE_INCLUDES_MAX } from "../limits.ts";
import type { Contents } from "./complete.ts";
import { completed } from "./complete.ts";
import { withAbsolutePaths } from "./paths.ts";
import { readText } from "./read-text.ts";
import { readYaml } from "./read-yaml.ts";

export interface LoadOptions {
  /** As given; "-" is standard input. Later ones override earlier ones. */
  readonly files: readonly string[];
  /** Instead of `.env` beside the first file. */
  readonly envFiles: readonly string[];
  readonly profiles: readonly string[];
  readonly environment: Variables;
}

export interface LoadedStack {
  /** The file's own `name`, or that of its directory. */
  readonly name: string;
  readonly tree: Tree;
  readonly contents: readonly Contents[];
  /** Variables that were used, have no default and are not set. */
  readonly unset: readonly string[];
}

/** What is wrong, one line each: `compose.yml: services.web.ports: …`. */
export type LoadError = readonly string[];

export function loadStack(options: LoadOptions): Result<LoadedStack, LoadError> {
  const [first = "-"] = options.files;
  const directory = first === "-" ? process.cwd() : dirname(resolve(first));
  const loader = new Loader();
  const variables = loader.variables(options, directory);
  let tree: Tree = {};
  for (const file of options.files) {
    const path = file === "-" ? "-" : resolve(file);
    tree = mergeFiles(tree, loader.file({ path, directory, variables, depth: 0 }));
  }
  if (loader.wrong.length > 0) return fail(loader.wrong);
  const active = withProfiles(settled(tree), options.profiles);
  const whole = completed(active, { variables, directory });
  if (!whole.ok) return fail(whole.error.map(({ path, reason }) => `${path}: ${reason}`));
  const own = isMap(tree) ? scalarText(tree["name"]) : undefined;
  return ok({ name: own ?? basename(directory), ...whole.value, unset: [...loader.unset] });
}

interface At {
  readonly path: string;
  /** What the file's relative paths are relative to. */
  readonly directory: string;
  readonly variables: Variables;
  readonly depth: number;
}

class Loader {
  readonly wrong: string[] = [];
  readonly unset = new Set<string>();

  /** The caller's environment wins over files, later files over earlier ones. */
  variables({ envFiles, environment }: LoadOptions, directory: string): Variables {
    const files = envFiles.length > 0 ? envFiles : [resolve(directory, ".env")];
    const values = new Map<string, string>();
    for (const file of files) {
      const text = readText(resolve(file));
      // `.env` need not be there; one that was asked for must be.
      if (!text.ok && envFiles.length > 0) this.wrong.push(text.error);
      if (!text.ok) continue;
      const read = readEnvFile(text.value, environment);
      if (!read.ok) this.wrong.push(`${file}: ${read.error}`);
      else for (const [name, value] of read.value) if (value !== undefined) values.set(name, value);
    }
    for (const [name, value] of environment) values.set(name, value);
    return values;
  }

  /** Included files first, so that the file that includes them may change what they say. */
  file(at: At): Tree {
    const tree = this.#read(at);
    const files: Files = {
      resolve: (path, from) => resolve(from === at.path ? at.directory : dirname(from), path),
      tree: (path, from) => {
        const other = files.resolve(path, from);
        return this.#read({ ...at, path: other, directory: dirname(other) });
      },
    };
    const whole = resolveExtends({ path: at.path, tree }, files);
    if (!whole.ok) this.#refuse(at.path, whole.error);
    if (!whole.ok || !isMap(whole.value)) return {};
    const { include, ...own } = whole.value;
    return mergeFiles(this.#included(include, at), own);
  }

  #included(include: Tree | undefined, at: At): Tree {
    if (include === undefined || include === null) return {};
    if (at.depth >= COMPOSE_INCLUDES_MAX) {
      this.wrong.push(`${at.path}: files include each other deeper than ${COMPOSE_INCLUDES_MAX}`);
      return {};
    }
    let tree: Tree = {};
    for (const item of isList(include) ? include : [include]) {
      const paths = isMap(item) ? item["path"] : item;
      const others = (isList(paths) ? paths : [paths]).map((path) => scalarText(path) ?? "");
      const [first = ""] = others.map((path) => resolve(at.directory, path));
      const given = isMap(item) ? scalarText(item["project_directory"]) : undefined;
      const directory = given === undefined ? dirname(first) : resolve(at.directory, given);
      const variables = this.#variablesOf(item, { ...at, directory });
      for (const path of others.map((one) => resolve(at.directory, one))) {
        const other = this.file({ path, directory, variables, depth: at.depth + 1 });
        tree = mergeFiles(tree, other);
      }
    }
    return tree;
  }

  #variablesOf(item: Tree, at: At): Variables {
    const files = isMap(item) ? item["env_file"] : undefined;
    if (files === undefined || files === null) return at.variables;
    const envFiles = (isList(files) ? files : [files]).map((file) =>
      resolve(at.directory, scalarText(file) ?? ""),
    );
    const options = { files: [], envFiles, profiles: [], environment: at.variables };
    return this.variables(options, at.directory);
  }

  #read(at: At): Tree {
    const text = readText(at.path);
    if (!text.ok) {
      this.wrong.push(text.error);
      return {};
    }
    const raw = readYaml(text.value);
    if (!raw.ok) {
      this.wrong.push(`${at.path}: ${raw.error}`);
      return {};
    }
    const filled = interpolateTree(raw.value, at.variables);
    if (!filled.ok) {
      this.#refuse(at.path, filled.error);
      return {};
    }
    for (const name of filled.value.unset) this.unset.add(name);
    return withAbsolutePaths(filled.value.value, at.directory);
  }

  #refuse(path: string, findings: readonly Finding[]): void {
    for (const found of findings) this.wrong.push(`${path}: ${found.path}: ${found.reason}`);
  }
}
