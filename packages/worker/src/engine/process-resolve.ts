/**
 * Finds what a task would execute before anything starts, so that the task is rejected with the
 * system's own words instead of failing with exit code 127.
 */
import { constants, promises as fs } from "node:fs";
import { resolve } from "node:path";
import { getSystemErrorMap } from "node:util";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { RunSpec } from "./engine.ts";

/** What a shell uses when there is no PATH (Docker's default). */
const PATH_DEFAULT = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface ResolvedProgram {
  /** Absolute path of the program. */
  readonly program: string;
  readonly directory: string;
}

/** The error is what the task is rejected with. */
export async function resolveProgram(spec: RunSpec): Promise<Result<ResolvedProgram, string>> {
  const directory = spec.directory ?? "/";
  const problem = await directoryProblem(directory);
  if (problem !== undefined) return fail(`chdir to "${directory}": ${problem}`);
  const name = spec.argv[0] ?? "";
  const program = name.includes("/")
    ? await atPath(name, directory)
    : await inPath(name, spec.env["PATH"] ?? PATH_DEFAULT);
  return program.ok ? ok({ program: program.value, directory }) : program;
}

async function directoryProblem(directory: string): Promise<string | undefined> {
  try {
    if (!(await fs.stat(directory)).isDirectory()) return "not a directory";
    await fs.access(directory, constants.X_OK);
    return undefined;
  } catch (error) {
    return systemWords(error);
  }
}

async function atPath(name: string, directory: string): Promise<Result<string, string>> {
  const path = resolve(directory, name);
  try {
    if ((await fs.stat(path)).isDirectory()) return fail(`exec: "${name}": is a directory`);
  } catch (error) {
    return fail(`exec: "${name}": stat ${path}: ${systemWords(error)}`);
  }
  try {
    await fs.access(path, constants.X_OK);
    return ok(path);
  } catch (error) {
    return fail(`exec: "${name}": ${systemWords(error)}`);
  }
}

async function inPath(name: string, path: string): Promise<Result<string, string>> {
  for (const folder of path.split(":")) {
    // Relative entries (and the empty one) would look in the working directory: never meant here.
    if (!folder.startsWith("/")) continue;
    const candidate = resolve(folder, name);
    if (await isExecutable(candidate)) return ok(candidate);
  }
  return fail(`exec: "${name}": executable file not found in $PATH`);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await fs.access(path, constants.X_OK);
    return (await fs.stat(path)).isFile();
  } catch {
    return false; // The next folder of PATH is tried.
  }
}

/** "no such file or directory", as the system says it. */
export function systemWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno } = error as NodeJS.ErrnoException; // A system error carries it; others do not.
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno);
  return known?.[1] ?? error.message;
}
