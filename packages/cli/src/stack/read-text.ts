/** A text file of the user's, bounded; "-" is standard input. */
import { readFileSync } from "node:fs";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { COMPOSE_FILE_BYTES_MAX } from "../limits.ts";

export function readText(path: string): Result<string, string> {
  try {
    const text = readFileSync(path === "-" ? 0 : path, "utf8");
    if (text.length <= COMPOSE_FILE_BYTES_MAX) return ok(text);
    return fail(`${path} is larger than ${COMPOSE_FILE_BYTES_MAX} bytes`);
  } catch (error) {
    return fail(`${path} cannot be read (${String(Reflect.get(Object(error), "code"))})`);
  }
}
