/** What every command gets: where to print, and which cluster is meant. */
import { existsSync } from "node:fs";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import pc from "picocolors";
import { ApiClient } from "../api/client.ts";
import { isSkein, parseHost } from "../api/host.ts";
import { textAt } from "../api/read.ts";
import type { ClusterFile } from "../local/cluster-file.ts";
import { readClusterFile, socketPath } from "../local/cluster-file.ts";
import { defaultDirectory, givenDirectory, stateDirectoryOf } from "../local/paths.ts";
import { isCluster } from "../local/state.ts";

export interface GlobalOptions {
  readonly stateDir?: string;
  readonly host?: string;
  /** The local cluster's name. */
  readonly cluster?: string;
  readonly json?: boolean;
}

/** A refusal: `Cannot <verb> <object>: <reason>: <remedy>`, exit 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Progress and remarks: never mixed into what a script reads. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Colours on a terminal only; picocolors honours NO_COLOR and FORCE_COLOR. */
export const colours = pc;

/** Longest wait for a server to say who it is. */
const VERSION_MS = 3000;

/** A cluster of this machine, by its state directory, or an API socket and who named it. */
type Meant =
  | { readonly kind: "local"; readonly stateDir: string }
  | { readonly kind: "socket"; readonly socket: string; readonly from: string };

/** What the flags say, then the environment, then the default local cluster. */
function meant(options: GlobalOptions): Result<Meant, string> {
  const given = (["stateDir", "host", "cluster"] as const).filter(
    (key) => options[key] !== undefined,
  );
  if (given.length > 1) {
    const names = given.map((key) => (key === "stateDir" ? "--state-dir" : `--${key}`));
    // A cluster's name beside its directory is checked against it, so it does no harm.
    if (options.host !== undefined) return fail(`give one of ${names.join(" and ")}, not both`);
  }
  if (options.stateDir !== undefined) {
    return ok({ kind: "local", stateDir: givenDirectory(options.stateDir) });
  }
  if (options.host !== undefined) return ofHost(options.host, "--host");
  const host = process.env["SKEIN_HOST"] ?? "";
  if (options.cluster === undefined && host !== "") return ofHost(host, "SKEIN_HOST");
  const directory = defaultDirectory(options.cluster ?? "default");
  return directory.ok ? ok({ kind: "local", stateDir: directory.value }) : directory;
}

function ofHost(host: string, from: string): Result<Meant, string> {
  const socket = parseHost(host, from);
  if (!socket.ok) return socket;
  // What `skein env` sets: then all that is known of the local cluster helps.
  const stateDir = stateDirectoryOf(socket.value);
  const file = readClusterFile(stateDir);
  if (file.ok && socketPath(file.value.api) === socket.value)
    return ok({ kind: "local", stateDir });
  return ok({ kind: "socket", socket: socket.value, from });
}

/** For what acts on this machine: the state directory of the cluster that is meant. */
export function localStateDirectory(options: GlobalOptions, what: string): string {
  const found = orFail(meant(options), what);
  if (found.kind === "local") return found.stateDir;
  const stateDir = stateDirectoryOf(found.socket);
  if (isCluster(stateDir)) return stateDir;
  throw new CommandError(
    `Cannot ${what}: ${found.from} is ${found.socket}, ` +
      "which is not a local cluster's: give --cluster or --state-dir",
  );
}

/** The same for `up`, which may be the first to hear of the cluster. */
export function newStateDirectory(options: GlobalOptions, what: string): string {
  const found = orFail(meant(options), what);
  if (found.kind === "local") return found.stateDir;
  const stateDir = stateDirectoryOf(found.socket);
  if (options.host === undefined && !isCluster(stateDir)) {
    return orFail(defaultDirectory("default"), what);
  }
  return localStateDirectory(options, what);
}

/** The file of the local cluster that is meant, or undefined when it is elsewhere or unreadable. */
export function localCluster(
  options: GlobalOptions,
): { readonly stateDir: string; readonly file: ClusterFile } | undefined {
  const found = meant(options);
  if (!found.ok) return undefined;
  const { value } = found;
  const stateDir = value.kind === "local" ? value.stateDir : stateDirectoryOf(value.socket);
  const file = readClusterFile(stateDir);
  return file.ok ? { stateDir, file: file.value } : undefined;
}

/**
 * `--state-dir`, `--host`, `SKEIN_HOST`, the default local cluster, then a `DOCKER_HOST` that is
 * Skein.
 */
export async function apiClient(options: GlobalOptions): Promise<Result<ApiClient, string>> {
  const found = meant(options);
  if (!found.ok) return found;
  if (found.value.kind === "socket") return ofSocket(found.value.socket, found.value.from);
  const local = ofLocal(found.value.stateDir);
  const docker = process.env["DOCKER_HOST"] ?? "";
  const named = options.stateDir ?? options.cluster ?? options.host ?? process.env["SKEIN_HOST"];
  if (local.ok || (named ?? "") !== "" || docker === "") return local;
  const socket = parseHost(docker, "DOCKER_HOST");
  return socket.ok ? ofSocket(socket.value, "DOCKER_HOST") : socket;
}

function ofLocal(stateDir: string): Result<ApiClient, string> {
  const file = readClusterFile(stateDir);
  if (!file.ok) return fail(file.error.message);
  const { api, nodes, name } = file.value;
  const managers = nodes.filter((node) => node.role === "manager").map((node) => node.api);
  const sockets = [api, ...managers].map(socketPath);
  if (sockets.some((socket) => existsSync(socket))) return ok(new ApiClient(sockets));
  return fail(`cluster ${name} is down: skein up resumes it`);
}

/**
 * A socket somebody named: asked first who it is, so that nothing is done to a Docker by mistake.
 */
async function ofSocket(socket: string, from: string): Promise<Result<ApiClient, string>> {
  const client = new ApiClient([socket]);
  const asked = { method: "GET", path: "/version", timeoutMs: VERSION_MS, once: true } as const;
  const version = await client.call(asked);
  const remedy = `start a cluster with skein up, or set ${from} to one`;
  if (!version.ok) return fail(`${from} is ${socket}, but ${version.error.message}: ${remedy}`);
  if (isSkein(version.value)) return ok(client);
  const who = textAt(version.value, "Platform", "Name") || "another program";
  return fail(`${from} is ${socket}, where ${who} answers, not Skein: ${remedy}`);
}

/** Unwraps, or ends the command with `Cannot <what>: <reason>`. */
export function orFail<T>(result: Result<T, string>, what: string): T {
  if (result.ok) return result.value;
  throw new CommandError(`Cannot ${what}: ${result.error}`);
}
