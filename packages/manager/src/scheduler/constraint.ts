/**
 * The constraint language: Swarm's `key==value` and `key!=value`, compared without case, and what
 * its users asked for since 2016: `key in (a, b)`, `key not in (a, b)`, `key exists`, `key not
 * exists`, and `||` between any of these. All constraints of a service must hold. Shared by the
 * scheduler (may this task go there?) and the orchestrator (may it stay?).
 *
 * A text that does not parse is refused when the service is created; one that slips through fits
 * no node, which shows in `service ps`, rather than every node, which would show nowhere.
 */
import type { Node } from "@skein/common/model/node";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { CONSTRAINTS_PARSED_MAX } from "../limits.ts";

/** One comparison. */
interface Term {
  readonly key: string;
  /** True: the value is one of `values`; false: none of them. */
  readonly equal: boolean;
  /** Lower case. The empty text is what an absent label has: `exists` is `not in ("")`. */
  readonly values: readonly string[];
}

/** Any of the terms holds. */
export type Constraint = readonly Term[];

const COMPARED = /^\s*([^\s=!]+)\s*(==|!=)\s*(.*?)\s*$/s;
const LISTED = /^\s*(\S+)\s+(not\s+)?in\s*\(([^()]*)\)\s*$/is;
const EXISTING = /^\s*(\S+)\s+(not\s+)?exists\s*$/i;
const KEY = /^[a-z_][\w.\-/]+$/i;
/** Swarm's own set of characters. */
const VALUE = /^[a-z0-9:_\s.*()?+[\]\\^$|/-]+$/i;
const NODE_LABELS = "node.labels.";
const ENGINE_LABELS = "engine.labels.";
/** Docker's clients and kernels name the same machine differently. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  aarch64: "arm64",
  x64: "amd64",
};

const KEYS: Readonly<Record<string, (node: Node) => string>> = {
  "node.id": (node) => node.id,
  "node.hostname": (node) => node.description.hostname,
  "node.ip": (node) => node.description.address,
  "node.role": (node) => node.spec.role,
  "node.platform.os": (node) => node.description.os,
  "node.platform.arch": (node) => architecture(node.description.architecture),
};

/** The error is Swarm's where Swarm has one. */
export function parseConstraint(text: string): Result<Constraint, string> {
  const terms: Term[] = [];
  for (const part of text.split("||")) {
    const term = parseTerm(part);
    if (!term.ok) return term;
    terms.push(term.value);
  }
  return ok(terms);
}

export function meets(constraint: Constraint, node: Node): boolean {
  return constraint.some(({ key, equal, values }) => {
    return values.includes(valueOf(key, node).toLowerCase()) === equal;
  });
}

/** The first of the constraints that the node does not meet, as the user wrote it. */
export function unmetConstraint(constraints: readonly string[], node: Node): string | undefined {
  return constraints.find((text) => {
    const constraint = constraintOf(text);
    return constraint === undefined || !meets(constraint, node);
  });
}

/** Undefined: not a constraint this cluster knows. */
export function constraintOf(text: string): Constraint | undefined {
  const known = parsed.get(text);
  if (known !== undefined) return known.constraint;
  const result = parseConstraint(text);
  const constraint = result.ok ? result.value : undefined;
  if (parsed.size >= CONSTRAINTS_PARSED_MAX) parsed.clear();
  parsed.set(text, { constraint });
  return constraint;
}

/** What texts mean never changes; the enforcer asks for every task again and again. */
const parsed = new Map<string, { readonly constraint: Constraint | undefined }>();

function parseTerm(text: string): Result<Term, string> {
  const existing = EXISTING.exec(text);
  if (existing !== null) {
    const [, key = "", not] = existing;
    return checked({ key, equal: not !== undefined, values: [""] });
  }
  const listed = LISTED.exec(text);
  if (listed !== null) {
    const [, key = "", not, list = ""] = listed;
    const values = list.split(",").map((value) => value.trim());
    return checkedValues(values, { key, equal: not === undefined });
  }
  const [, key = "", operator, value = ""] = COMPARED.exec(text) ?? [];
  if (operator === undefined || /==|!=/.test(value)) {
    return fail("constraint expected one operator from ==, !=");
  }
  return checkedValues([value], { key, equal: operator === "==" });
}

function checkedValues(
  values: readonly string[],
  term: { readonly key: string; readonly equal: boolean },
): Result<Term, string> {
  const bad = values.find((value) => !VALUE.test(value));
  if (bad !== undefined) return fail(`value '${bad}' is invalid`);
  const lower = values.map((value) => value.toLowerCase());
  const isArchitecture = term.key.toLowerCase() === "node.platform.arch";
  return checked({ ...term, values: isArchitecture ? lower.map(architecture) : lower });
}

function checked(term: Term): Result<Term, string> {
  if (!KEY.test(term.key)) return fail(`key '${term.key}' is invalid`);
  return isKnown(term.key) ? ok(term) : fail(`key '${term.key}' is not known`);
}

function isKnown(key: string): boolean {
  const lower = key.toLowerCase();
  if (Object.hasOwn(KEYS, lower)) return true;
  return [NODE_LABELS, ENGINE_LABELS].some((p) => lower.startsWith(p) && lower.length > p.length);
}

/**
 * An absent label is the empty text, as in Swarm: `!=` holds for it. Label names keep their case.
 */
function valueOf(key: string, node: Node): string {
  const lower = key.toLowerCase();
  const read = KEYS[lower];
  if (read !== undefined) return read(node);
  if (!lower.startsWith(NODE_LABELS)) return "";
  return node.spec.labels[key.slice(NODE_LABELS.length)] ?? "";
}

function architecture(name: string): string {
  const lower = name.toLowerCase();
  return ARCHITECTURES[lower] ?? lower;
}
