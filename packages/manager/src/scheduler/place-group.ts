/**
 * Equal tasks, of one service and version: placed best node first, and explained where none is
 * left.
 */
import type { NodeId, TaskId } from "@skein/common/ids";
import type { TaskSpec } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { SCAN_TASKS_MAX } from "../limits.ts";
import type { Candidate } from "./filter.ts";
import { admits, explain, pipelineFor } from "./pipeline.ts";
import { Scan } from "./scan.ts";
import { best, growTree, placed, spreadLabels } from "./spread.ts";
import type { Tally } from "./tally.ts";

export interface Placement {
  readonly taskId: TaskId;
  readonly nodeId: NodeId;
}
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

/** The first tasks of the group that found a node; the others have none. */
export function placeGroup(tally: Tally, group: Group): readonly Placement[] {
  const placements: Placement[] = [];
  const next = chooser(tally, group);
  for (const task of group.tasks) {
    const candidate = next(task);
    if (candidate === undefined) break;
    placements.push({ taskId: task.id, nodeId: candidate.info.id });
  }
  return placements;
}

/** Gives the best node for one task after the other, and books it. */
function chooser(tally: Tally, group: Group): (task: Task) => Candidate | undefined {
  const { first, tasks, spec } = group;
  const pipeline = pipelineFor(first, spec);
  const candidates = tally.candidates(first);
  const labels = spreadLabels(spec);
  const admissible = (candidate: Candidate): boolean => admits(pipeline, candidate);
  if (tasks.length <= SCAN_TASKS_MAX) {
    const scan = new Scan(candidates, labels);
    return (task) => {
      const candidate = scan.take(admissible);
      if (candidate !== undefined) tally.place(task, candidate);
      return candidate;
    };
  }
  const tree = growTree(candidates, labels, admissible);
  return (task) => {
    const candidate = best(tree);
    if (candidate === undefined) return undefined;
    tally.place(task, candidate);
    placed(tree, admissible(candidate));
    return candidate;
  };
}

/** Why none of these has a node, for those that do not say so already. */
export function explainGroup(tally: Tally, { first, tasks, spec }: Group): readonly Explanation[] {
  const error = explain(pipelineFor(first, spec), tally.candidates(first));
  return tasks
    .filter(({ status }) => status.error !== error)
    .map(({ id }) => ({ taskId: id, error }));
}
