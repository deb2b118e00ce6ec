/** Which API a command talks to, from what it was given and what the environment says. */
import { isAbsolute } from "node:path";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";

/** The socket of "unix:///path" or of an absolute path. */
export function parseHost(host: string, from: string): Result<string, string> {
  const path = host.replace(/^unix:\/\//, "");
  if (isAbsolute(path)) return ok(path);
  return fail(`${from} is ${host}, which is not a unix socket: write unix:///path/to/skein.sock`);
}

/** True when the answer of `/version` is ours. */
export function isSkein(version: unknown): boolean {
  const platform: unknown = Reflect.get(Object(version), "Platform");
  return String(Reflect.get(Object(platform), "Name")).includes("Skein");
}
