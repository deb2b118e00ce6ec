/** The limits that tidy enforces; what a formatter or a linter checks is theirs. */

/** Lines of a function: one screen. The target is 40; this is where a build fails. */
export const FUNCTION_LINES_MAX = 60;
export const FILE_LINES_MAX = 400;
export const TEST_FILE_LINES_MAX = 800;
export const LINE_COLUMNS_MAX = 100;
export const PARAMETERS_MAX = 4;

/** Globals that a core file must not name: they are ports. */
export const CORE_BANNED_GLOBALS: ReadonlySet<string> = new Set([
  "Date",
  "performance",
  "crypto",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "process",
  "console",
  "fetch",
  "Promise",
]);

/**
 * Files that may be longer than the limit, with the reason: tables of data, which do not get
 * clearer by being cut in two.
 */
export const LONG_FILES: ReadonlyMap<string, string> = new Map<string, string>();
