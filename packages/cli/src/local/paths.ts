/** Where a local cluster keeps its state and its sockets. */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { SOCKET_PATH_BYTES_MAX } from "../limits.ts";

/** `--state-dir`, else `$XDG_STATE_HOME/skein/<name>`, else `~/.local/state/skein/<name>`. */
export function stateDirectory(option: string | undefined, name: string): string {
  if (option !== undefined) return resolve(process.env["INIT_CWD"] ?? process.cwd(), option);
  const base = process.env["XDG_STATE_HOME"];
  const root = base !== undefined && base !== "" ? base : join(homedir(), ".local", "state");
  return join(root, "skein", name);
}

/**
 * The directory for sockets: the state directory itself when every path fits into a socket address,
 * else a private one under `$XDG_RUNTIME_DIR` or the temporary directory, named by a digest of the path.
 */
export function socketDirectory(stateDir: string): string {
  const longest = join(stateDir, "manager-250", "skein.sock");
  if (Buffer.byteLength(longest) <= SOCKET_PATH_BYTES_MAX) return stateDir;
  const digest = createHash("sha256").update(stateDir).digest("hex").slice(0, 12);
  const runtime = process.env["XDG_RUNTIME_DIR"];
  const root = runtime !== undefined && runtime !== "" ? runtime : tmpdir();
  return join(root, `skein-${userInfo().uid}-${digest}`);
}

export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

export function nodeDirectory(stateDir: string, node: string): string {
  return join(stateDir, node);
}

export function nodeSocket(stateDir: string, node: string): string {
  return join(socketDirectory(stateDir), node, "skein.sock");
}

export function clusterSocket(stateDir: string): string {
  return join(socketDirectory(stateDir), "skein.sock");
}

export function launcherSocket(stateDir: string): string {
  return join(socketDirectory(stateDir), "launcher.sock");
}
