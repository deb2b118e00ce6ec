/** Why tasks stay pending, in the words `service ps` shows. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";

/** A task in `new` keeps the allocator's reason. */
export function applyExplainTasks(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"explain-tasks">,
): Outcome {
  const draft = new Draft(view, facts);
  for (const { taskId, error } of command.items) {
    const task = draft.tasks.get(taskId);
    if (task === undefined) draft.skip(taskId, "task is gone");
    else if (task.status.state !== "pending") draft.skip(taskId, `task is ${task.status.state}`);
    else if (task.status.error === error) draft.skip(taskId, "unchanged");
    else draft.tasks.put({ ...task, status: { ...task.status, error } });
  }
  return draft.accept();
}
