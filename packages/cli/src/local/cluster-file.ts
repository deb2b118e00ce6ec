/**
 * `cluster.json`: the contract of a local cluster with other programs (docs/design/local-
 * cluster.md). Replaced atomically at every start and exit; `pids` lists living processes only.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Decoded } from "@skein/common/wire/schema";
import { count, decodeWith, text } from "@skein/common/wire/schema";
import * as v from "valibot";
import { indexOf } from "./layout.ts";
import { clusterSocket, errorText, nodeDirectory } from "./paths.ts";

const SCHEMA = 1;

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
  schema: v.literal(SCHEMA),
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
  readonly code: "not-found" | "unreadable" | "malformed" | "newer";
  readonly reason: string;
  /** The reason with its remedy. */
  readonly message: string;
}

export function clusterFilePath(stateDir: string): string {
  return join(stateDir, "cluster.json");
}

export function readClusterFile(stateDir: string): Result<ClusterFile, ClusterFileError> {
  const path = clusterFilePath(stateDir);
  try {
    return decodeClusterFile(path, readFileSync(path, "utf8"));
  } catch (error) {
    const code = Reflect.get(Object(error), "code");
    if (code === "ENOENT" || code === "ENOTDIR") {
      const reason = `there is no cluster in ${stateDir}`;
      return fail(refused("not-found", reason, "start one with skein up"));
    }
    const reason = `${path} cannot be read (${errorText(error)})`;
    return fail(refused("unreadable", reason, "run as its owner, or give another --state-dir"));
  }
}

/** Total: whatever the text, an answer. */
export function decodeClusterFile(
  path: string,
  content: string,
): Result<ClusterFile, ClusterFileError> {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return fail(malformed(`${path} is damaged (it is not JSON)`));
  }
  const schema: unknown = Reflect.get(Object(value), "schema");
  if (typeof schema === "number" && schema > SCHEMA) {
    const versions = `schema ${schema}, this one reads ${SCHEMA}`;
    const reason = `${path} was written by a newer Skein (${versions})`;
    return fail(refused("newer", reason, "use that one"));
  }
  const decoded = decodeWith(clusterFileSchema, value);
  if (decoded.ok) return ok(decoded.value);
  return fail(malformed(`${path} is damaged (${decoded.error.reason})`));
}

function malformed(reason: string): ClusterFileError {
  return refused("malformed", reason, "skein up makes it again from the nodes' files");
}

function refused(code: ClusterFileError["code"], reason: string, remedy: string): ClusterFileError {
  return { code, reason, message: `${reason}: ${remedy}` };
}

export function writeClusterFile(stateDir: string, file: ClusterFile): void {
  const path = clusterFilePath(stateDir);
  const beside = `${path}.new-${process.pid}`;
  writeFileSync(beside, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  renameSync(beside, path);
}

/** The file of a cluster whose processes do not run, from its nodes' own files. */
export function fileOf(
  stateDir: string,
  sockets: string,
  configs: readonly NodeConfig[],
): ClusterFile {
  const [first] = configs;
  return {
    schema: SCHEMA,
    name: first?.clusterName ?? "",
    index: indexOf(first?.address ?? ""),
    clusterId: first?.clusterId ?? "",
    api: `unix://${clusterSocket(sockets)}`,
    nodes: configs.map((config) => ({
      name: config.name,
      role: config.role,
      id: config.nodeId,
      pids: {},
      address: config.address,
      port: config.role === "manager" ? config.managerPort : config.controlPort,
      api: `unix://${config.apiSocket}`,
      log: join(nodeDirectory(stateDir, config.name), "log"),
    })),
  };
}

/** Of a "unix:///…" in a cluster file. */
export function socketPath(api: string): string {
  return api.replace(/^unix:\/\//, "");
}

/** Managers before workers, each by number. */
export function byName(
  a: { readonly name: string; readonly role: string },
  b: { readonly name: string; readonly role: string },
): number {
  return (
    a.role.localeCompare(b.role, "en") || a.name.localeCompare(b.name, "en", { numeric: true })
  );
}
