/** Endings that no agent reports: of tasks on lost nodes, and of tasks no node was given. */
import type { TaskState, TransitionOwner } from "@skein/common/model/task-state";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";
import { moveTask } from "../task-writes.ts";

/** Who may end a task that no agent reports on, by the state it ends in. */
const OWNERS: Partial<Record<TaskState, TransitionOwner>> = {
  orphaned: "leader",
  shutdown: "orchestrator",
};

export function applyEndTasks(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"end-tasks">,
): Outcome {
  const draft = new Draft(view, facts);
  for (const { taskId, state, message } of command.items) {
    const task = draft.tasks.get(taskId);
    const owner = OWNERS[state];
    const status = { state, at: facts.wall, message };
    if (task === undefined) draft.skip(taskId, "task is gone");
    else if (owner === undefined || !moveTask(draft, task, { status, owner })) {
      draft.skip(taskId, `illegal transition ${task.status.state} to ${state}`);
    }
  }
  return draft.accept();
}
