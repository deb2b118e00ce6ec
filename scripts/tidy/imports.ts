/**
 * Import directions: common <- manager, worker, cli; core <- shell <- main; never across or back.
 */
import { dirname, join } from "node:path/posix";
import { PACKAGE_IMPORTS, packageOf, zoneOf } from "./zones.ts";

/** The advice when `path` must not import `specifier`; undefined when it may. */
export function checkImport(path: string, specifier: string): string | undefined {
  const from = zoneOf(path);
  if (specifier.startsWith("node:")) {
    return from === "core" ? `${specifier} is an adapter's: take a port` : undefined;
  }
  const target = targetPath(path, specifier);
  if (target === undefined) return undefined;
  const [own, other] = [packageOf(path), packageOf(target)];
  if (own !== undefined && (target.startsWith("test/") || target.startsWith("scripts/"))) {
    return `packages never import ${target.split("/")[0]}`;
  }
  if (from === "test" || from === "script") return undefined;
  if (own !== undefined && other !== undefined && !PACKAGE_IMPORTS[own]?.includes(other)) {
    return `${own} never imports ${other}: they meet in common`;
  }
  if (from === "core" && zoneOf(target) === "shell") return "the core never imports the shell";
  if (zoneOf(target) === "test") return "production code never imports a test";
  return undefined;
}

/** The imported file relative to the root, without extension when it is a package path. */
function targetPath(path: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return join(dirname(path), specifier);
  const ours = /^@skein\/([^/]+)\/(.+)$/.exec(specifier);
  return ours === null ? undefined : `packages/${ours[1]}/src/${ours[2]}.ts`;
}
