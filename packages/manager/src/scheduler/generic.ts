/**
 * Generic resources (Swarm's `--generic-resource`): things of a node that are counted or named,
 * such as GPUs. A node has what its label `skein.generic.<kind>` says, a number or names with
 * commas: labels are the manager's to give, so that a worker cannot claim what it has not, and they
 * change without a restart.
 */
import type { Node } from "@skein/common/model/node";
import type { Task } from "@skein/common/model/task";
import type { NodeInfo } from "./node-info.ts";

export const GENERIC_LABEL = "skein.generic.";

/** Units held, by kind: names, or "" for each counted one. */
export type GenericUnits = ReadonlyMap<string, readonly string[]>;

/** Every unit a node has of a kind. */
export function unitsOf(node: Node, kind: string): readonly string[] {
  const text = node.spec.labels[GENERIC_LABEL + kind] ?? "";
  return unitsIn(text);
}

/** "2" is two units without names; "a,b" two with. */
export function unitsIn(text: string): readonly string[] {
  if (/^\d{1,6}$/.test(text)) return Array.from({ length: Number(text) }, () => "");
  return text.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]));
}

export function freeUnits({ node, generic }: NodeInfo, kind: string): readonly string[] {
  const held = [...(generic.get(kind) ?? [])];
  return unitsOf(node, kind).filter((unit) => {
    const at = held.indexOf(unit);
    if (at < 0) return true;
    held.splice(at, 1);
    return false;
  });
}

/** What a task gets of a node that has enough: a number, or the names. */
export function chooseUnits(info: NodeInfo, task: Task): Readonly<Record<string, string>> {
  const chosen: Record<string, string> = {};
  for (const [kind, count] of Object.entries(task.spec.generic ?? {})) {
    const units = freeUnits(info, kind).slice(0, count);
    chosen[kind] = units.every((unit) => unit === "") ? String(count) : units.join(",");
  }
  return chosen;
}
