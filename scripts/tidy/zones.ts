/** Which rules a file is under, by where it lies. Paths are relative to the root, with slashes. */

export type Zone = "core" | "shell" | "cli" | "script" | "test";

const SHELL = [
  /^packages\/common\/src\/node\//,
  /^packages\/(manager|worker)\/src\/shell\//,
  /^packages\/(manager|worker)\/src\/main\.ts$/,
  /^packages\/worker\/src\/engine\/process/,
  /^packages\/worker\/src\/dataplane\/(shell\/|thread\.ts$)/,
  /^packages\/worker\/src\/(logs|dns|vip|kernel)\/shell\//,
];

export function zoneOf(path: string): Zone {
  if (path.endsWith(".test.ts") || path.startsWith("test/")) return "test";
  if (path.startsWith("scripts/")) return "script";
  if (path.startsWith("packages/cli/")) return "cli";
  return SHELL.some((pattern) => pattern.test(path)) ? "shell" : "core";
}

/** Packages a package may import. They meet only in common. */
export const PACKAGE_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  common: ["common"],
  manager: ["manager", "common"],
  worker: ["worker", "common"],
  cli: ["cli", "common"],
};

export function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}
