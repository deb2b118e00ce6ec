/** What differs between two specs of a service, path by path, in the Engine API's own words. */
import { parseGoJson } from "./engine/go-json.ts";

export interface SpecChange {
  /** "TaskTemplate.ContainerSpec.Args" */
  readonly path: string;
  /** JSON; absent: it was not there. */
  readonly before?: string;
  readonly after?: string;
}

/** Of the `engine` texts of two specs. Sorted by path. */
export function diffSpecs(before: string, after: string): readonly SpecChange[] {
  const old = leaves(before);
  const now = leaves(after);
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  return paths.flatMap((path): readonly SpecChange[] => {
    const [was, is] = [old.get(path), now.get(path)];
    if (was === is) return [];
    const from = was === undefined ? {} : { before: was };
    return [{ path, ...from, ...(is === undefined ? {} : { after: is }) }];
  });
}

function leaves(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const parsed = parseGoJson(text);
  if (parsed.ok) walk(parsed.value, "", found);
  return found;
}

/** Lists are leaves: an argument more is a change of the arguments. */
function walk(value: unknown, path: string, found: Map<string, string>): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    found.set(path, JSON.stringify(value));
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    walk(item, path === "" ? key : `${path}.${key}`, found);
  }
}
