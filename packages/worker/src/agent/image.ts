/**
 * What an image reference means. `host` (alias `process`) is the node's own file system: the
 * command runs as a plain process. The CLI may have added `:latest`, `docker.io/library/` or a
 * digest; all mean the same.
 */

const PREFIXES = ["docker.io/library/", "index.docker.io/library/", "docker.io/", "library/"];
const HOST_NAMES: ReadonlySet<string> = new Set(["host", "process"]);

export function isHostImage(reference: string): boolean {
  const digest = reference.indexOf("@");
  let name = digest < 0 ? reference : reference.slice(0, digest);
  const prefix = PREFIXES.find((candidate) => name.startsWith(candidate));
  if (prefix !== undefined) name = name.slice(prefix.length);
  if (name.endsWith(":latest")) name = name.slice(0, -":latest".length);
  return HOST_NAMES.has(name);
}
