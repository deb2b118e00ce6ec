/**
 * The `filters` parameter: JSON in a query parameter, in both encodings clients use
 * (`{"k":{"v":true}}` and `{"k":["v"]}`). Values of one key are alternatives, keys and labels must
 * all hold.
 */
import { ok } from "../result.ts";
import type { Checked } from "./api-error.ts";
import { badRequest, unclassified } from "./api-error.ts";
import { parseGoJson } from "./go-json.ts";

export type Filters = ReadonlyMap<string, readonly string[]>;

/** `known`: the keys this list understands; any other is refused by name, as Docker does. */
export function parseFilters(text: string | undefined, known: readonly string[]): Checked<Filters> {
  if (text === undefined || text === "") return ok(new Map());
  const parsed = parseGoJson(text);
  if (!parsed.ok) return badRequest(parsed.error);
  if (parsed.value === null) return ok(new Map());
  if (typeof parsed.value !== "object" || Array.isArray(parsed.value)) {
    return badRequest("invalid filters: expected a JSON object");
  }
  const filters = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(parsed.value)) {
    if (!known.includes(key)) return badRequest(`Invalid filter '${key}'`);
    const values = filterValues(value);
    if (values === undefined) return badRequest(`invalid filter '${key}': expected strings`);
    filters.set(key, values);
  }
  return ok(filters);
}

/** True when the filter is absent or one of its values passes. */
export function anyOf(filters: Filters, key: string, test: (value: string) => boolean): boolean {
  const values = filters.get(key);
  return values === undefined || values.length === 0 || values.some(test);
}

/** Labels are AND-ed; "k" asks for the key alone, "k=v" for key and value. */
export function allLabels(
  filters: Filters,
  key: string,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (filters.get(key) ?? []).every((wanted) => {
    const [name = "", ...rest] = wanted.split("=");
    if (!Object.hasOwn(labels, name)) return false;
    return rest.length === 0 || labels[name] === rest.join("=");
  });
}

/** Every value of `key` is one of `allowed`, else Docker's refusal. */
export function checkValues(
  filters: Filters,
  key: string,
  allowed: readonly string[],
): Checked<Filters> {
  const wrong = (filters.get(key) ?? []).find((value) => !allowed.includes(value));
  return wrong === undefined ? ok(filters) : unclassified(`Invalid ${key} filter: '${wrong}'`);
}

function filterValues(value: unknown): readonly string[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!Array.isArray(value)) {
    return Object.entries(value)
      .filter(([, on]) => on !== false)
      .map(([item]) => item);
  }
  const strings = value.filter((item): item is string => typeof item === "string");
  return strings.length === value.length ? strings : undefined;
}
