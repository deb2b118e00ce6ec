/**
 * Finds the best node by looking at each: for a few tasks that is less work than growing the
 * tree, and a node is asked the filters only when it would be the best so far. It chooses exactly
 * what the tree does (spread.ts); scan.test.ts holds the two against each other.
 */
import type { Candidate } from "./filter.ts";
import { isBetter } from "./spread.ts";

/** Wanted tasks of the service in one branch; the nodes of the branch share it. */
interface Count {
  tasks: number;
}

interface Place {
  readonly candidate: Candidate;
  /** Outermost first; empty where nothing is spread over. */
  readonly branches: readonly Count[];
}

export class Scan {
  readonly #places: readonly Place[];

  constructor(candidates: readonly Candidate[], labels: readonly string[]) {
    const root = new Branches();
    this.#places = candidates.map((candidate) => ({
      candidate,
      branches: root.walk(candidate, labels),
    }));
  }

  /** Takes the best admissible node: it counts as holding one task more. */
  take(admissible: (candidate: Candidate) => boolean): Candidate | undefined {
    let found: Place | undefined;
    for (const place of this.#places) {
      if (found !== undefined && !isBefore(place, found)) continue;
      if (admissible(place.candidate)) found = place;
    }
    for (const count of found?.branches ?? NO_BRANCHES) count.tasks += 1;
    return found?.candidate;
  }
}

const NO_BRANCHES: readonly Count[] = [];

function isBefore(a: Place, b: Place): boolean {
  for (let level = 0; level < a.branches.length; level += 1) {
    const difference = (a.branches[level]?.tasks ?? 0) - (b.branches[level]?.tasks ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return isBetter(a.candidate, b.candidate);
}

/** The branches below one branch, by label value. */
class Branches {
  readonly #below = new Map<string, { readonly count: Count; readonly branches: Branches }>();

  /** Counts the candidate in, all the way down. */
  walk(candidate: Candidate, labels: readonly string[]): readonly Count[] {
    const [label, ...rest] = labels;
    if (label === undefined) return NO_BRANCHES;
    const value = candidate.info.node.spec.labels[label] ?? "";
    const below = this.#below.get(value) ?? { count: { tasks: 0 }, branches: new Branches() };
    this.#below.set(value, below);
    below.count.tasks += candidate.serviceTasks;
    return [below.count, ...below.branches.walk(candidate, rest)];
  }
}
