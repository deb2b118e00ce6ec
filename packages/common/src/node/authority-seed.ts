/**
 * The authority's key between the moment a cluster is made and the moment its store has it, sealed:
 * the file `ca.key` beside the identity of each first manager. Then every manager deletes its copy.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Authority } from "./certificates.ts";

const FILE = "ca.key";

export function writeAuthoritySeed(directory: string, authority: Authority): void {
  const { clusterId, certificatePem, privateKeyPem } = authority;
  const text = JSON.stringify({ clusterId, certificatePem, privateKeyPem });
  writeFileSync(join(directory, FILE), `${text}\n`, { mode: 0o600 });
}

/** Undefined: the store has it already, or this manager came later. */
export function readAuthoritySeed(directory: string): Authority | undefined {
  try {
    // Our own file, written whole by the function above; a damaged one is as good as none.
    return JSON.parse(readFileSync(join(directory, FILE), "utf8")) as Authority;
  } catch {
    return undefined;
  }
}

export function removeAuthoritySeed(directory: string): void {
  rmSync(join(directory, FILE), { force: true });
}
