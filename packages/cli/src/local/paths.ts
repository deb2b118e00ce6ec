/** Where a local cluster keeps its state and its sockets. */
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { SOCKET_PATH_BYTES_MAX } from "../limits.ts";

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly temporary: string;
}

export function surroundings(): Surroundings {
  return { env: process.env, uid: process.getuid?.() ?? 0, temporary: tmpdir() };
}

/** Given by the user: `~` is the shell's business. */
export function givenDirectory(option: string): string {
  return resolve(option);
}

/** `$XDG_STATE_HOME/skein/<name>`, else `~/.local/state/skein/<name>`. */
export function defaultDirectory(
  name: string,
  around: Surroundings = surroundings(),
): Result<string, string> {
  const base = around.env["XDG_STATE_HOME"];
  // As its specification says, a path that is not absolute does not count.
  if (base !== undefined && isAbsolute(base)) return ok(join(base, "skein", name));
  const home = homeDirectory(around.env["HOME"]);
  if (home !== undefined) return ok(join(home, ".local", "state", "skein", name));
  return fail("HOME is not set and this user has no home directory: give --state-dir DIR");
}

function homeDirectory(variable: string | undefined): string | undefined {
  if (variable !== undefined && isAbsolute(variable)) return variable;
  try {
    const { homedir } = userInfo();
    return isAbsolute(homedir) ? homedir : undefined;
  } catch {
    // A user id without an entry in the user database, as in many containers.
    return undefined;
  }
}

/**
 * The directory for sockets: the state directory itself when every path fits into a socket address,
 * else a private one under `$XDG_RUNTIME_DIR` or a temporary directory, named by a digest of the
 * path.
 */
export function socketDirectory(stateDir: string, around: Surroundings = surroundings()): string {
  if (fits(stateDir)) return stateDir;
  const digest = createHash("sha256").update(stateDir).digest("hex").slice(0, 12);
  const name = `skein-${around.uid}-${digest}`;
  const runtime = around.env["XDG_RUNTIME_DIR"] ?? "";
  const roots = [runtime, around.temporary, "/tmp"].filter((root) => isAbsolute(root));
  return join(roots.find((root) => fits(join(root, name))) ?? "/tmp", name);
}

function fits(directory: string): boolean {
  return Buffer.byteLength(join(directory, "manager-250", "skein.sock")) <= SOCKET_PATH_BYTES_MAX;
}

/**
 * With the directories above it. Not by `recursive`: in Node 20 that never ends where a directory
 * cannot be made for want of another reason than a missing parent, as in /proc.
 */
export function makePrivateDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code: unknown = Reflect.get(Object(error), "code");
    if (code === "EEXIST" && statSync(path).isDirectory()) return;
    if (code !== "ENOENT" || dirname(path) === path || existsSync(dirname(path))) throw error;
    makePrivateDirectory(dirname(path));
    makePrivateDirectory(path);
  }
}

const OWNER_FILE = "state-directory";

/**
 * Makes the directory for sockets. Where it lies in a directory that others may write to, somebody
 * may have put one there before: it must be ours alone. Says what is wrong.
 */
export function claimSocketDirectory(stateDir: string, directory: string): string | undefined {
  if (directory === stateDir) return undefined;
  try {
    makePrivateDirectory(directory);
    const stat = lstatSync(directory);
    const ours = stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
    if (!ours) return `${directory} is not a private directory of this user: remove it`;
    writeFileSync(join(directory, OWNER_FILE), `${stateDir}\n`, { mode: 0o600 });
    return undefined;
  } catch (error) {
    return `its sockets cannot be in ${directory} (${errorText(error)}): use a shorter --state-dir`;
  }
}

/** The state directory of the local cluster that serves this API socket, if it is one. */
export function stateDirectoryOf(socketPath: string): string {
  const directory = dirname(socketPath);
  try {
    return readFileSync(join(directory, OWNER_FILE), "utf8").trimEnd();
  } catch {
    return directory;
  }
}

export function nodeDirectory(stateDir: string, node: string): string {
  return join(stateDir, node);
}

export function nodeSocket(sockets: string, node: string): string {
  return join(sockets, node, "skein.sock");
}

export function clusterSocket(sockets: string): string {
  return join(sockets, "skein.sock");
}

export function launcherSocket(sockets: string): string {
  return join(sockets, "launcher.sock");
}

/**
 * "EACCES: permission denied": without the call and the path, which the message around it names.
 */
export function errorText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/, \w+ '.*$/, "");
}
