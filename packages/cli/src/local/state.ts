/**
 * What a state directory holds: a cluster, nothing yet, or something that is not ours.
 * `cluster.json` can be made again from the nodes' own files, so its loss is no loss; nothing else
 * is guessed.
 */
import { existsSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { ClusterFile } from "./cluster-file.ts";
import { byName, clusterFilePath, fileOf, readClusterFile, socketPath } from "./cluster-file.ts";
import { readNodeConfig, writeNodeConfig } from "./create.ts";
import {
  defaultDirectory,
  errorText,
  nodeDirectory,
  nodeSocket,
  socketDirectory,
} from "./paths.ts";

const NODE = /^(manager|worker)-\d{1,3}$/;
/** What a local cluster keeps in its state directory; all else there is somebody else's. */
const OURS = new RegExp(
  `^(${[
    "cluster\\.json(\\.new-\\d+|\\.damaged)?",
    "skein\\.sock(\\.new-\\d+)?",
    "launcher\\.(log|sock)",
    "lock(\\..+)?",
    "authority",
  ].join("|")})$`,
);

export interface Wanted {
  readonly stateDir: string;
  readonly sockets: string;
  /** Undefined: whatever it is called. */
  readonly name: string | undefined;
  readonly managers: number | undefined;
  readonly workers: number | undefined;
  /** Where tasks without a working directory start: the caller's directory. */
  readonly directory: string;
}

export interface Found {
  readonly file: ClusterFile;
  readonly nodes: readonly NodeConfig[];
  /** What had to be repaired, for the user. */
  readonly remark?: string;
}

/** The cluster to resume; undefined when there is none yet. The error is what a user reads. */
export function findCluster(wanted: Wanted): Result<Found | undefined, string> {
  const { stateDir } = wanted;
  const known = readClusterFile(stateDir);
  if (known.ok) return resume(wanted, known.value.nodes, known.value.clusterId);
  if (known.error.code === "newer" || known.error.code === "unreadable") {
    return fail(known.error.message);
  }
  const nodes = entries(stateDir).filter((name) => NODE.test(name));
  // Made, but never started: the making was interrupted before `cluster.json` was written.
  if (!nodes.some((name) => existsSync(join(stateDir, name, "log")))) {
    if (known.error.code === "not-found") return ok(undefined);
    return fail(`${known.error.reason}, and there is no node to make it again from: remove it`);
  }
  return rebuild(wanted, nodes, known.error.reason);
}

/** Refuses to make a cluster among somebody else's files; undefined when there are none. */
export function strangersIn(stateDir: string): string | undefined {
  const known = readClusterFile(stateDir);
  if (known.ok || known.error.code === "newer") return undefined;
  const names = entries(stateDir).filter((name) => !OURS.test(name) && !NODE.test(name));
  if (names.length === 0) return undefined;
  const shown = `${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}`;
  return `${stateDir} holds files that are not a cluster's (${shown}): give a directory of its own`;
}

/** A cluster keeps its size, name and identities; only the caller's directory may be another. */
export function sizeProblem(
  wanted: Pick<Wanted, "stateDir" | "name" | "managers" | "workers">,
  file: Pick<ClusterFile, "name" | "nodes">,
): string | undefined {
  if (wanted.name !== undefined && wanted.name !== file.name) {
    const owner = `${wanted.stateDir} belongs to cluster ${file.name}, not ${wanted.name}`;
    return `${owner}: leave --cluster out`;
  }
  for (const role of ["manager", "worker"] as const) {
    const asked = role === "manager" ? wanted.managers : wanted.workers;
    const has = file.nodes.filter((node) => node.role === role).length;
    if (asked === undefined || asked === has) continue;
    const plural = `${has} ${role}${has === 1 ? "" : "s"}`;
    return (
      `it has ${plural}, not ${asked}: resume it without --${role}s, ` +
      "use another --cluster NAME, or delete it first (skein down --purge)"
    );
  }
  return undefined;
}

function resume(
  wanted: Wanted,
  nodes: readonly { readonly name: string }[],
  clusterId: string,
): Result<Found, string> {
  const { stateDir, sockets, directory } = wanted;
  const configs: NodeConfig[] = [];
  for (const { name } of nodes) {
    const config = readNodeConfig(stateDir, name);
    if (!config.ok) return config;
    if (config.value.clusterId !== clusterId) {
      return fail(
        `${nodeDirectory(stateDir, name)} belongs to another cluster ` +
          `(${config.value.clusterId}, not ${clusterId}): give another --state-dir`,
      );
    }
    // The directory may have been moved since, or the place for sockets may be another.
    const apiSocket = nodeSocket(sockets, name);
    configs.push({ ...config.value, apiSocket, defaultDirectory: directory });
  }
  const file = fileOf(stateDir, sockets, configs);
  const problem = sizeProblem(wanted, file);
  if (problem !== undefined) return fail(problem);
  for (const config of configs) writeNodeConfig(stateDir, config);
  return ok({ file, nodes: configs });
}

function rebuild(wanted: Wanted, names: readonly string[], why: string): Result<Found, string> {
  const { stateDir } = wanted;
  const remedy = "put a copy of cluster.json back, or delete the rest (skein down --purge)";
  const configs: NodeConfig[] = [];
  for (const name of names) {
    const config = readNodeConfig(stateDir, name);
    if (!config.ok) return fail(`${why}, and ${config.error}`);
    configs.push(config.value);
  }
  configs.sort(byName);
  const members = configs.flatMap((config) => config.bootstrap ?? []);
  const missing = members.find((member) => !configs.some((one) => one.nodeId === member.nodeId));
  if (missing !== undefined) {
    return fail(`${why}, and the directory of manager ${missing.address} is missing: ${remedy}`);
  }
  const found = resume(wanted, configs, configs[0]?.clusterId ?? "");
  if (!found.ok) return found;
  const path = clusterFilePath(stateDir);
  if (existsSync(path)) renameSync(path, `${path}.damaged`);
  return ok({ ...found.value, remark: `${path} was made again from the nodes' files.` });
}

/** Indexes of the clusters beside this one, and of those in the usual place. */
export function reservedIndexes(stateDir: string): ReadonlySet<number> {
  const usual = defaultDirectory("default");
  const places = new Set([dirname(stateDir), ...(usual.ok ? [dirname(usual.value)] : [])]);
  const clusters = [...places].flatMap((place) => entries(place).map((name) => join(place, name)));
  return new Set(
    clusters.flatMap((directory) => {
      const file = readClusterFile(directory);
      return file.ok ? [file.value.index] : [];
    }),
  );
}

/** Deletes what is ours and nothing else; returns what was left. */
export function purge(stateDir: string, sockets: string): readonly string[] {
  for (const name of entries(stateDir)) {
    if (OURS.test(name) || NODE.test(name)) rmSync(join(stateDir, name), options);
  }
  if (sockets !== stateDir) rmSync(sockets, options);
  const left = entries(stateDir);
  if (left.length === 0) removeEmpty(stateDir);
  return left;
}

const options = { recursive: true, force: true } as const;

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Somebody's mount point, or their working directory on another system: empty is enough.
  }
}

/** True when what lies there is a cluster, damaged or not. */
export function isCluster(stateDir: string): boolean {
  const known = readClusterFile(stateDir);
  if (known.ok || known.error.code === "newer") return true;
  const nodes = entries(stateDir).filter((name) => NODE.test(name));
  return nodes.some((name) => readNodeConfig(stateDir, name).ok);
}

/** Where the sockets of this cluster are; its file knows, whatever the environment says now. */
export function runtimeDirectory(stateDir: string): string {
  const known = readClusterFile(stateDir);
  return known.ok ? dirname(socketPath(known.value.api)) : socketDirectory(stateDir);
}

function entries(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

export function unusable(stateDir: string, error: unknown): string {
  return `${stateDir} cannot be used (${errorText(error)}): give another --state-dir`;
}
