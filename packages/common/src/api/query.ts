/** Query parameters as Go reads them. */
import { ok } from "../result.ts";
import type { Checked } from "./api-error.ts";
import { badRequest } from "./api-error.ts";

/** Strict booleans (`status`, `insertDefaults`): strconv.ParseBool, absent is false. */
export function parseBool(name: string, value: string | undefined): Checked<boolean> {
  if (value === undefined || value === "") return ok(false);
  if (["1", "t", "T", "TRUE", "true", "True"].includes(value)) return ok(true);
  if (["0", "f", "F", "FALSE", "false", "False"].includes(value)) return ok(false);
  return badRequest(
    `invalid value for ${name}: ${value}: ` +
      `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
  );
}

/** Lenient booleans (`force`, `follow`, `stdout`): anything but a "no" is yes. */
export function isSet(value: string | undefined): boolean {
  const lower = (value ?? "").trim().toLowerCase();
  return !["", "0", "no", "false", "none"].includes(lower);
}

/** The `version` of an update. Beyond 2^53 it is rounded, which no version of ours ever reaches. */
export function parseVersion(kind: string, value: string | undefined): Checked<number> {
  const text = value ?? "";
  if (/^\d{1,19}$/.test(text)) return ok(Math.min(Number(text), Number.MAX_SAFE_INTEGER));
  const reason = /^\d+$/.test(text) ? "value out of range" : "invalid syntax";
  return badRequest(
    `invalid ${kind} version '${text}': ` +
      `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${reason}`,
  );
}
