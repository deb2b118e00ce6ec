/**
 * The last look at this machine: environments and labels from files, names without a value from the
 * caller's environment, and the contents of configs and secrets. Nothing in the tree refers to the
 * machine afterwards, except paths that mean the nodes' own.
 */
import { readFileSync } from "node:fs";
import { readEnvFile } from "@skein/common/compose/env-file";
import type { Variables } from "@skein/common/compose/interpolate";
import { pairsToMap } from "@skein/common/compose/merge";
import type { Finding, Tree, TreeMap } from "@skein/common/compose/tree";
import { isList, isMap, mapAt, scalarText } from "@skein/common/compose/tree";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { readText } from "./read-text.ts";

export interface Contents {
  readonly kind: "configs" | "secrets";
  readonly key: string;
  readonly data: Uint8Array;
}

export interface Surroundings {
  readonly variables: Variables;
  readonly directory: string;
}

export interface Completed {
  readonly tree: Tree;
  readonly contents: readonly Contents[];
}

export function completed(tree: Tree, around: Surroundings): Result<Completed, readonly Finding[]> {
  const wrong: Finding[] = [];
  const services = mapAt(tree, "services");
  const made = Object.entries(services).map(([key, service]) => {
    if (!isMap(service)) return [key, service] as const;
    return [key, completeService(service, { ...around, path: `services.${key}`, wrong })] as const;
  });
  const contents = (["configs", "secrets"] as const).flatMap((kind) =>
    Object.entries(mapAt(tree, kind)).flatMap(([key, file]): readonly Contents[] => {
      const data = contentsOf(file, around.variables);
      if (data === undefined) return [];
      if (data.ok) return [{ kind, key, data: data.value }];
      wrong.push({ path: `${kind}.${key}`, reason: data.error });
      return [];
    }),
  );
  if (wrong.length > 0) return fail(wrong);
  const whole = isMap(tree) && Object.hasOwn(tree, "services");
  return ok({
    tree: whole ? { ...tree, services: Object.fromEntries(made) } : tree,
    contents,
  });
}

interface Completing extends Surroundings {
  readonly path: string;
  readonly wrong: Finding[];
}

/** The file's own values win over those of its files. */
function completeService(service: TreeMap, completing: Completing): TreeMap {
  const { env_file: envFiles, label_file: labelFiles, ...rest } = service;
  const environment = {
    ...fromFiles(envFiles, "env_file", completing),
    ...present(pairsToMap(rest["environment"] ?? {}), completing.variables),
  };
  const labels = {
    ...fromFiles(labelFiles, "label_file", completing),
    ...Object(pairsToMap(rest["labels"] ?? {})),
  };
  return {
    // A program is looked for where its file lies, as people run it by hand.
    working_dir: completing.directory,
    ...rest,
    ...(Object.keys(environment).length === 0 ? {} : { environment }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
  };
}

function fromFiles(files: Tree | undefined, key: string, completing: Completing): TreeMap {
  if (files === undefined || files === null) return {};
  const values: Record<string, Tree> = {};
  for (const file of isList(files) ? files : [files]) {
    const path = (isMap(file) ? scalarText(file["path"]) : scalarText(file)) ?? "";
    const required = !isMap(file) || file["required"] !== false;
    const text = readText(path);
    if (!text.ok && required) {
      completing.wrong.push({ path: `${completing.path}.${key}`, reason: text.error });
    }
    if (!text.ok) continue;
    const read = readEnvFile(text.value, completing.variables);
    if (!read.ok) {
      const reason = `${path}: ${read.error}`;
      completing.wrong.push({ path: `${completing.path}.${key}`, reason });
      continue;
    }
    Object.assign(values, present(Object.fromEntries(read.value), completing.variables));
  }
  return values;
}

/** A name without a value is taken from the environment, and left out where that has none. */
function present(pairs: unknown, variables: Variables): TreeMap {
  const found: Record<string, Tree> = {};
  for (const [name, value] of Object.entries(Object(pairs))) {
    const known = value ?? variables.get(name);
    // `pairsToMap` and `readEnvFile` made it: scalars, or what the reader of the stack refuses.
    if (known !== undefined) found[name] = known as Tree;
  }
  return found;
}

function contentsOf(file: Tree, variables: Variables): Result<Uint8Array, string> | undefined {
  if (!isMap(file)) return undefined;
  const [path, content, name] = [file["file"], file["content"], file["environment"]];
  if (typeof content === "string") return ok(Buffer.from(content));
  if (typeof name === "string") {
    const value = variables.get(name);
    return value === undefined ? fail(`${name} is not set`) : ok(Buffer.from(value));
  }
  if (typeof path !== "string") return undefined;
  try {
    return ok(readFileSync(path));
  } catch (error) {
    return fail(`${path} cannot be read (${String(Reflect.get(Object(error), "code"))})`);
  }
}
