/** What becomes of a task's output: Docker's log drivers, as far as a plain process has a use. */
import * as v from "valibot";
import type { Decoded } from "../wire/schema.ts";
import { stringMap } from "../wire/schema.ts";

/**
 * `json-file` and `local` keep it on the node, which is what happens without any; `none` drops it.
 */
export const logDriverSchema = v.object({
  name: v.picklist(["json-file", "local", "none"]),
  /** As sent. */
  options: stringMap,
});
export type LogDriver = Decoded<typeof logDriverSchema>;

export const LOG_DRIVERS: readonly string[] = logDriverSchema.entries.name.options;

/** What is wrong with the options of a driver; undefined when they can be honoured. */
export function checkLogOptions(options: Readonly<Record<string, string>>): string | undefined {
  const unknown = Object.keys(options).find((name) => name !== "max-size" && name !== "max-file");
  if (unknown !== undefined) return `log option ${unknown} (max-size and max-file are there)`;
  if (keptBytes(options) !== undefined || Object.keys(options).length === 0) return undefined;
  if (options["max-size"] === undefined) return "max-file without max-size";
  return `log options ${JSON.stringify(options)}`;
}

/** Bytes of output to keep of each stream: so many files of so much; undefined: not said. */
export function keptBytes(options: Readonly<Record<string, string>>): number | undefined {
  const size = /^(\d{1,9})([bkmg]?)b?$/i.exec(options["max-size"] ?? "");
  const files = /^[1-9]\d{0,3}$/.exec(options["max-file"] ?? "1");
  if (size === null || files === null) return undefined;
  const unit = UNITS[(size[2] ?? "").toLowerCase()] ?? 1;
  const bytes = Number(size[1]) * unit * Number(files[0]);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

const UNITS: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
