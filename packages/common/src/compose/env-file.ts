/**
 * `.env` and `env_file`: lines of `NAME=value`.
 *
 * Source: Compose specification, "env_file format". Values may be bare (a ` #` begins a comment),
 * in single quotes (taken as they are) or in double quotes (escapes and variables); `export` before
 * a name is allowed; a name alone takes its value from the caller's environment.
 */
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import type { Variables } from "./interpolate.ts";
import { interpolateText } from "./interpolate.ts";

const LINE = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*(?:([=:])\s*(.*))?$/s;
const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  '"': '"',
  "\\": "\\",
};

/**
 * In the file's order; undefined: a name without a value. Earlier names can be used by later ones.
 * A failure names the line.
 */
export function readEnvFile(
  text: string,
  outer: Variables,
): Result<ReadonlyMap<string, string | undefined>, string> {
  const values = new Map<string, string | undefined>();
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const first = lines[at] ?? "";
    if (/^\s*(#|$)/.test(first)) continue;
    const number = at + 1;
    let whole = first;
    // A quote that is not closed goes on in the next line.
    while (isOpen(whole) && at + 1 < lines.length) {
      at += 1;
      whole += `\n${lines[at] ?? ""}`;
    }
    const [, name = "", assigns, written = ""] = LINE.exec(whole) ?? [];
    if (name === "") return fail(`line ${number} is not NAME=value: ${first.slice(0, 60)}`);
    const value = assigns === undefined ? ok(undefined) : readValue(written, seen(outer, values));
    if (!value.ok) return fail(`line ${number}: ${value.error}`);
    values.set(name, value.value);
  }
  return ok(values);
}

function isOpen(line: string): boolean {
  const value = LINE.exec(line)?.[3]?.trimStart() ?? "";
  const [quote] = value;
  if (quote !== "'" && quote !== '"') return false;
  return closing(value, quote) < 0;
}

/** Where the quote that opens `value` is closed; -1: nowhere. */
function closing(value: string, quote: string): number {
  for (let at = 1; at < value.length; at += 1) {
    if (quote === '"' && value[at] === "\\") at += 1;
    else if (value[at] === quote) return at;
  }
  return -1;
}

function readValue(written: string, variables: Variables): Result<string, string> {
  const value = written.trim();
  const [quote] = value;
  if (quote === "'" || quote === '"') {
    const end = closing(value, quote);
    if (end < 0) return fail(`the quote ${quote} is not closed`);
    if (!/^\s*(#.*)?$/.test(value.slice(end + 1)))
      return fail("something follows the closing quote");
    const inner = value.slice(1, end);
    if (quote === "'") return ok(inner);
    const escaped = inner.replace(
      /\\([nrt"\\])/g,
      (_, letter: string) => ESCAPES[letter] ?? letter,
    );
    return filled(escaped, variables);
  }
  return filled(value.replace(/(^|\s+)#.*$/s, ""), variables);
}

function filled(text: string, variables: Variables): Result<string, string> {
  const done = interpolateText(text, variables);
  return done.ok ? ok(done.value.value) : done;
}

function seen(outer: Variables, values: ReadonlyMap<string, string | undefined>): Variables {
  const all = new Map<string, string>();
  for (const [name, value] of values) if (value !== undefined) all.set(name, value);
  for (const [name, value] of outer) all.set(name, value);
  return all;
}
