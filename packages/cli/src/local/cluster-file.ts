/**
 * `cluster.json`: the contract of a local cluster with other programs (docs/design/local-cluster.md).
 * Replaced atomically at every start and exit; `pids` lists living processes only.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Decoded } from "@skein/common/wire/schema";
import { count, decodeWith, text } from "@skein/common/wire/schema";
import * as v from "valibot";

export const localNodeSchema = v.object({
  name: text,
  role: v.picklist(["manager", "worker"]),
  id: text,
  pids: v.object({ manager: v.exactOptional(count), worker: v.exactOptional(count) }),
  address: text,
  port: count,
  api: text,
  log: text,
});
export type LocalNode = Decoded<typeof localNodeSchema>;

export const clusterFileSchema = v.object({
  schema: v.literal(1),
  name: text,
  /** The index k of the loopback addresses 127.0.k.n. */
  index: count,
  clusterId: text,
  api: text,
  launcher: v.exactOptional(v.object({ pid: count })),
  nodes: v.array(localNodeSchema),
});
export type ClusterFile = Decoded<typeof clusterFileSchema>;

export interface ClusterFileError {
  readonly code: "not-found" | "malformed";
  readonly message: string;
}

export function clusterFilePath(stateDir: string): string {
  return join(stateDir, "cluster.json");
}

export function readClusterFile(stateDir: string): Result<ClusterFile, ClusterFileError> {
  const path = clusterFilePath(stateDir);
  let raw: string;
  try {
    raw = readFileSync(path, "utf8");
  } catch {
    return fail({ code: "not-found", message: `there is no cluster in ${stateDir}` });
  }
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch (error) {
    return fail({ code: "malformed", message: `${path} is not JSON: ${String(error)}` });
  }
  const decoded = decodeWith(clusterFileSchema, value);
  if (decoded.ok) return ok(decoded.value);
  return fail({ code: "malformed", message: `${path}: ${decoded.error.reason}` });
}

export function writeClusterFile(stateDir: string, file: ClusterFile): void {
  const path = clusterFilePath(stateDir);
  const beside = `${path}.new-${process.pid}`;
  writeFileSync(beside, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  renameSync(beside, path);
}
