/**
 * The constraint language of Swarm: `key==value` and `key!=value`, compared without case, all
 * must hold. Shared by the scheduler (may this task go there?) and the orchestrator (may it
 * stay?).
 *
 * A text that does not parse is refused when the service is created; one that slips through fits
 * no node, which shows in `service ps`, rather than every node, which would show nowhere.
 */
import type { Node } from "@skein/common/model/node";

export interface Constraint {
  readonly key: string;
  readonly equal: boolean;
  /** Lower case. */
  readonly value: string;
}

const FORM = /^\s*([\w.\-/]+)\s*(==|!=)\s*(.+?)\s*$/;
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
  "node.role": (node) => node.spec.role,
  "node.platform.os": (node) => node.description.os,
  "node.platform.arch": (node) => architecture(node.description.architecture),
};

/** Undefined: not a constraint this cluster knows. */
export function parseConstraint(text: string): Constraint | undefined {
  const match = FORM.exec(text);
  const [, key, operator, value] = match ?? [];
  if (key === undefined || operator === undefined || value === undefined) return undefined;
  if (!isKnown(key)) return undefined;
  const lower = value.toLowerCase();
  const wanted = key.toLowerCase() === "node.platform.arch" ? architecture(lower) : lower;
  return { key, equal: operator === "==", value: wanted };
}

export function meets(constraint: Constraint, node: Node): boolean {
  return (valueOf(constraint.key, node).toLowerCase() === constraint.value) === constraint.equal;
}

/** The first of the constraints that the node does not meet, as the user wrote it. */
export function unmetConstraint(constraints: readonly string[], node: Node): string | undefined {
  return constraints.find((text) => {
    const constraint = parseConstraint(text);
    return constraint === undefined || !meets(constraint, node);
  });
}

function isKnown(key: string): boolean {
  const lower = key.toLowerCase();
  if (KEYS[lower] !== undefined) return true;
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
