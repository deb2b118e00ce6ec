/** What a version of a service is: a change of this makes tasks anew. */
import type { TaskSpec } from "@skein/common/model/service";

type Placement = "constraints" | "spread" | "strategy";

/** Where a task goes is no part of what it is: constraints, spread and strategy. */
export function whatTasksAre(task: TaskSpec): Omit<TaskSpec, Placement> {
  const { constraints: _constraints, spread: _spread, strategy: _strategy, ...rest } = task;
  return rest;
}
