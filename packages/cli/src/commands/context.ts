/** What every command gets: where to print, and which cluster is meant. */
import { existsSync } from "node:fs";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import pc from "picocolors";
import { ApiClient } from "../api/client.ts";
import { clusterSocket, stateDirectory } from "../local/paths.ts";

export interface GlobalOptions {
  readonly stateDir?: string;
  readonly host?: string;
  /** The local cluster's name. */
  readonly cluster?: string;
  readonly json?: boolean;
}

/** A refusal of the command line itself: `Cannot <verb> <object>: <reason>`, exit 1. */
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

export function localStateDirectory(options: GlobalOptions): string {
  return stateDirectory(options.stateDir, options.cluster ?? "default");
}

/** `--state-dir`, `--host`, `SKEIN_HOST`, the default local cluster, then a `DOCKER_HOST` that is Skein. */
export async function apiClient(options: GlobalOptions): Promise<Result<ApiClient, string>> {
  if (options.stateDir !== undefined) return local(localStateDirectory(options));
  const host = options.host ?? process.env["SKEIN_HOST"];
  if (host !== undefined && host !== "") return ok(new ApiClient(host));
  const found = local(localStateDirectory(options));
  if (found.ok) return found;
  const docker = process.env["DOCKER_HOST"];
  return docker === undefined || docker === "" ? found : ofDockerHost(docker);
}

function local(stateDir: string): Result<ApiClient, string> {
  const socket = clusterSocket(stateDir);
  if (existsSync(socket)) return ok(new ApiClient(socket));
  return fail(`no cluster is running in ${stateDir}: start one with skein up`);
}

async function ofDockerHost(host: string): Promise<Result<ApiClient, string>> {
  const client = new ApiClient(host);
  const version = await client.call({ method: "GET", path: "/version", timeoutMs: 3000 });
  if (!version.ok) return fail(`DOCKER_HOST is ${host}: ${version.error.message}`);
  const platform: unknown = Reflect.get(Object(version.value), "Platform");
  if (String(Reflect.get(Object(platform), "Name")).includes("Skein")) return ok(client);
  return fail(`DOCKER_HOST is ${host}, which is not Skein: start a cluster with skein up`);
}

/** Unwraps, or ends the command with `Cannot <what>: <reason>`. */
export function orFail<T>(result: Result<T, string>, what: string): T {
  if (result.ok) return result.value;
  throw new CommandError(`Cannot ${what}: ${result.error}`);
}
