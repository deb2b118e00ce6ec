/** Equal tasks, of one service and version: placed best node first, and explained where none is left. */
import type { NodeId, TaskId } from "@skein/common/ids";
import type { TaskSpec } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { admits, explain, pipelineFor } from "./pipeline.ts";
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
export function placeGroup(tally: Tally, { first, tasks, spec }: Group): readonly Placement[] {
  const pipeline = pipelineFor(first, spec);
  const tree = growTree(tally.candidates(first), spreadLabels(spec), (candidate) =>
    admits(pipeline, candidate),
  );
  const placements: Placement[] = [];
  for (const task of tasks) {
    const candidate = best(tree);
    if (candidate === undefined) break;
    placements.push({ taskId: task.id, nodeId: candidate.info.id });
    tally.place(task, candidate);
    placed(tree, admits(pipeline, candidate));
  }
  return placements;
}

/** Why none of these has a node, for those that do not say so already. */
export function explainGroup(tally: Tally, { first, tasks, spec }: Group): readonly Explanation[] {
  const error = explain(pipelineFor(first, spec), tally.candidates(first));
  return tasks
    .filter(({ status }) => status.error !== error)
    .map(({ id }) => ({ taskId: id, error }));
}
