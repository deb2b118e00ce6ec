/** Relative paths of a Compose file, made absolute from the directory that they are relative to. */
import { resolve } from "node:path";
import type { Tree, TreeMap } from "@skein/common/compose/tree";
import { isList, isMap, mapAt } from "@skein/common/compose/tree";

/** Everything in `tree` that names a file or directory of the machine it was written on. */
export function withAbsolutePaths(tree: Tree, directory: string): Tree {
  if (!isMap(tree)) return tree;
  const made: Record<string, Tree> = { ...tree };
  if (isMap(tree["services"])) {
    made["services"] = mapValues(tree["services"], (one) => servicePaths(one, directory));
  }
  for (const kind of ["configs", "secrets"]) {
    if (!isMap(tree[kind])) continue;
    made[kind] = mapValues(mapAt(tree, kind), (one) => withPath(one, "file", directory));
  }
  return made;
}

function servicePaths(service: Tree, directory: string): Tree {
  if (!isMap(service)) return service;
  let made: TreeMap = service;
  if (typeof service["working_dir"] === "string") {
    made = { ...made, working_dir: absolute(service["working_dir"], directory) };
  }
  for (const key of ["env_file", "label_file"]) {
    const files = service[key];
    if (files === undefined) continue;
    const all = isList(files) ? files : [files];
    const paths = all.map((file) =>
      typeof file === "string" ? absolute(file, directory) : withPath(file, "path", directory),
    );
    made = { ...made, [key]: paths };
  }
  if (isList(service["volumes"])) {
    made = { ...made, volumes: service["volumes"].map((mount) => mountPath(mount, directory)) };
  }
  return made;
}

function mountPath(mount: Tree, directory: string): Tree {
  if (isMap(mount)) return mount["type"] === "bind" ? withPath(mount, "source", directory) : mount;
  if (typeof mount !== "string" || !/^[.~]/.test(mount)) return mount;
  const [source = "", ...rest] = mount.split(":");
  return [absolute(source, directory), ...rest].join(":");
}

function withPath(tree: Tree, key: string, directory: string): Tree {
  const path = isMap(tree) ? tree[key] : undefined;
  if (!isMap(tree) || typeof path !== "string") return tree;
  return { ...tree, [key]: absolute(path, directory) };
}

function absolute(path: string, directory: string): string {
  const home = path === "~" || path.startsWith("~/");
  return home ? `${process.env["HOME"] ?? ""}${path.slice(1)}` : resolve(directory, path);
}

function mapValues(map: TreeMap, change: (value: Tree) => Tree): TreeMap {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
