/**
 * Equal tasks, of one service and version: placed best node first, and explained where none is
 * left.
 */
import type { TaskId } from "@skein/common/ids";
import type { TaskSpec } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { INDEXED_TASKS_MAX, SCAN_TASKS_MAX } from "../limits.ts";
import type { Candidate } from "./filter.ts";
import { admits, explain, pipelineFor } from "./pipeline.ts";
import { Scan } from "./scan.ts";
import { best, growTree, placed, spreadLabels } from "./spread.ts";
import type { Placement, Tally } from "./tally.ts";

export interface Explanation {
  readonly taskId: TaskId;
  readonly error: string;
}

export interface Group {
  readonly first: Task;
  /** In the order in which they get their nodes; `first` stands for all. */
  readonly tasks: readonly Task[];
  /** The placement they answer to. */
  readonly spec: TaskSpec;
}

export interface Placed {
  readonly placements: readonly Placement[];
  readonly left: readonly Task[];
}

/** Tasks of the group that found a node, and those that did not. */
export function placeGroup(tally: Tally, group: Group): Placed {
  if (group.first.pinnedTo !== undefined) return placePinned(tally, group);
  const placements: Placement[] = [];
  const next = chooser(tally, group);
  for (const task of group.tasks) {
    const placement = next(task);
    if (placement === undefined) break;
    placements.push(placement);
  }
  return { placements, left: group.tasks.slice(placements.length) };
}

/** Tasks of a global service: each goes to its slot's node, or waits for it. */
function placePinned(tally: Tally, { first, tasks, spec }: Group): Placed {
  const pipeline = pipelineFor(first, spec);
  const nodes = new Map(tally.candidates(first).map((one) => [one.info.id, one]));
  const placements: Placement[] = [];
  const left: Task[] = [];
  for (const task of tasks) {
    const candidate = task.pinnedTo === undefined ? undefined : nodes.get(task.pinnedTo);
    if (candidate === undefined || !admits(pipeline, candidate)) {
      left.push(task);
      continue;
    }
    placements.push(tally.place(task, candidate));
  }
  return { placements, left };
}

type Choose = (task: Task) => Placement | undefined;

/** Gives the best node for one task after the other, and books it. */
function chooser(tally: Tally, group: Group): Choose {
  const { first, tasks, spec } = group;
  const pipeline = pipelineFor(first, spec);
  const admissible = (candidate: Candidate): boolean => admits(pipeline, candidate);
  const isPlain = spreadLabels(spec).length === 0 && spec.strategy !== "binpack";
  // With more filters than that of readiness the index walks over the same unfit nodes again and
  // again.
  const isQuick = pipeline.filters.length === 1 || tasks.length <= INDEXED_TASKS_MAX;
  if (!isPlain || !isQuick) return chooserOfAll(tally, group, admissible);
  let ofAll: Choose | undefined;
  return (task) => {
    const candidate = ofAll === undefined ? tally.untouched(first, admissible) : undefined;
    if (candidate !== undefined) return tally.place(task, candidate);
    ofAll ??= chooserOfAll(tally, group, admissible);
    return ofAll(task);
  };
}

function chooserOfAll(
  tally: Tally,
  { first, tasks, spec }: Group,
  admissible: (candidate: Candidate) => boolean,
): Choose {
  const candidates = tally.candidates(first);
  const labels = spreadLabels(spec);
  if (tasks.length <= SCAN_TASKS_MAX) {
    const scan = new Scan(candidates, labels);
    return (task) => {
      const candidate = scan.take(admissible);
      return candidate === undefined ? undefined : tally.place(task, candidate);
    };
  }
  const tree = growTree(candidates, labels, admissible);
  return (task) => {
    const candidate = best(tree);
    if (candidate === undefined) return undefined;
    const placement = tally.place(task, candidate);
    placed(tree, admissible(candidate));
    return placement;
  };
}

/** Why none of these has a node, for those that do not say so already. */
export function explainGroup(tally: Tally, { first, tasks, spec }: Group): readonly Explanation[] {
  const pipeline = pipelineFor(first, spec);
  const candidates = tally.candidates(first);
  const all = explain(pipeline, candidates);
  const nodes = new Map(candidates.map((one) => [one.info.id, one]));
  const errorOf = ({ pinnedTo }: Task): string => {
    if (pinnedTo === undefined) return all;
    const node = nodes.get(pinnedTo);
    return explain(pipeline, node === undefined ? [] : [node]);
  };
  return tasks
    .map((task) => ({ task, error: errorOf(task) }))
    .filter(({ task, error }) => task.status.error !== error)
    .map(({ task, error }) => ({ taskId: task.id, error }));
}
