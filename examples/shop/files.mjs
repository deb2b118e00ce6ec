// Where a task finds its secrets and configs: Docker's places, or those of a plain process.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export function secret(name) {
  const directory = process.env.SKEIN_SECRETS_DIR ?? "/run/secrets";
  return readFileSync(join(directory, name), "utf8").trim();
}

export function config(path) {
  return readFileSync(join(process.env.SKEIN_CONFIGS_DIR ?? "/", path), "utf8").trim();
}
