/**
 * The spread tree (Swarm's placement preferences): one level a `spread=` label, one branch a
 * value. A task goes down the branch with the fewest tasks of its service, then to the best node
 * of that leaf. A node without the label is in the branch of the empty value.
 *
 * Invariants:
 *   S1. A branch's count is the wanted tasks of the service on all its nodes, admissible or not:
 *       a zone that is full is still not empty.
 *   S2. Between two placements only the chosen path changes, so that sinking the tops along it
 *       keeps every heap in order: a placement costs the logarithm of the width, not the number
 *       of nodes.
 */
import { compareIds } from "@skein/common/ids";
import type { TaskSpec } from "@skein/common/model/service";
import type { Candidate } from "./filter.ts";
import { Heap } from "./heap.ts";

export interface Branch {
  readonly value: string;
  serviceTasks: number;
  /** Admissible nodes, on the last level. */
  readonly leaf: Heap<Candidate> | undefined;
  /** Branches with an admissible node below them. */
  readonly children: Heap<Branch> | undefined;
}

/** A strict total order: `rank` differs between any two nodes. */
export function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.penalty !== b.penalty) return a.penalty < b.penalty;
  if (a.packs) return isFuller(a, b);
  if (a.serviceTasks !== b.serviceTasks) return a.serviceTasks < b.serviceTasks;
  if (a.info.tasks !== b.info.tasks) return a.info.tasks < b.info.tasks;
  return a.rank < b.rank;
}

/** `binpack`: least room left, then most tasks, so that other nodes stay empty. */
function isFuller(a: Candidate, b: Candidate): boolean {
  const [full, other] = [a.info, b.info];
  if (full.freeMemoryBytes !== other.freeMemoryBytes) {
    return full.freeMemoryBytes < other.freeMemoryBytes;
  }
  if (full.freeNanoCpus !== other.freeNanoCpus) return full.freeNanoCpus < other.freeNanoCpus;
  if (full.tasks !== other.tasks) return full.tasks > other.tasks;
  return a.rank < b.rank;
}

export function growTree(
  candidates: readonly Candidate[],
  labels: readonly string[],
  admissible: (candidate: Candidate) => boolean,
): Branch {
  return grow("", candidates, { labels, admissible });
}

/** The best node, or undefined when none is left. */
export function best(branch: Branch): Candidate | undefined {
  if (branch.leaf !== undefined) return branch.leaf.top();
  const child = branch.children?.top();
  return child === undefined ? undefined : best(child);
}

/** A task was placed on `best(branch)`; `stays`: the node may take another one. */
export function placed(branch: Branch, stays: boolean): void {
  branch.serviceTasks += 1;
  if (branch.leaf !== undefined) {
    if (stays) branch.leaf.topChanged();
    else branch.leaf.removeTop();
    return;
  }
  const child = branch.children?.top();
  if (child === undefined) return;
  placed(child, stays);
  if (best(child) === undefined) branch.children?.removeTop();
  else branch.children?.topChanged();
}

/**
 * "node.labels.zone" as users write it, or the bare name. Nodes have no engine labels to spread
 * over.
 */
export function spreadLabels({ spread }: TaskSpec): readonly string[] {
  return spread
    .filter((descriptor) => !descriptor.toLowerCase().startsWith("engine.labels."))
    .map((descriptor) => descriptor.replace(/^node\.labels\./i, ""));
}

interface Growth {
  readonly labels: readonly string[];
  admissible(candidate: Candidate): boolean;
}

function grow(value: string, candidates: readonly Candidate[], growth: Growth): Branch {
  const serviceTasks = candidates.reduce((sum, one) => sum + one.serviceTasks, 0);
  const [label, ...labels] = growth.labels;
  if (label === undefined) {
    const leaf = new Heap(candidates.filter(growth.admissible), isBetter);
    return { value, serviceTasks, leaf, children: undefined };
  }
  const { admissible } = growth;
  const branches = [...byLabel(candidates, label)]
    .map(([name, group]) => grow(name, group, { labels, admissible }))
    .filter((branch) => best(branch) !== undefined);
  return { value, serviceTasks, leaf: undefined, children: new Heap(branches, isEmptier) };
}

function byLabel(candidates: readonly Candidate[], label: string): Map<string, Candidate[]> {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const name = candidate.info.node.spec.labels[label] ?? "";
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [candidate]);
    else group.push(candidate);
  }
  return groups;
}

/**
 * Equal branches are told apart by what is below them, so that the first zone is not always the
 * first.
 */
function isEmptier(a: Branch, b: Branch): boolean {
  if (a.serviceTasks !== b.serviceTasks) return a.serviceTasks < b.serviceTasks;
  const [childOfA, childOfB] = [a.children?.top(), b.children?.top()];
  if (childOfA !== undefined && childOfB !== undefined) return isEmptier(childOfA, childOfB);
  const [bestOfA, bestOfB] = [best(a), best(b)];
  if (bestOfA === undefined || bestOfB === undefined) return compareIds(a.value, b.value) < 0;
  return isBetter(bestOfA, bestOfB);
}
