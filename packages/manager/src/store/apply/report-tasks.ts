/** What a node's agent says of its tasks. */
import type { Task, TaskStatus } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { isSame } from "../same.ts";
import type { StoreView } from "../tables.ts";
import { moveTask } from "../task-writes.ts";

type Report = CommandOf<"report-tasks">;

/** What a node's agent says of its own tasks; about others it is not heard. */
export function applyReportTasks(view: StoreView, facts: Facts, command: Report): Outcome {
  const draft = new Draft(view, facts);
  for (const { taskId, status } of command.items) {
    const task = draft.tasks.get(taskId);
    let reason: string | undefined;
    if (task === undefined) reason = "task is gone";
    else if (task.nodeId !== command.nodeId) reason = "task is not on this node";
    else if (task.status.state === status.state) reason = refresh(draft, task, status);
    else if (!moveTask(draft, task, { status, owner: "agent" })) {
      reason = `illegal transition ${task.status.state} to ${status.state}`;
    }
    if (reason !== undefined) draft.skip(taskId, reason);
  }
  return draft.accept();
}

/** The same state with other facts (in rotation, a warning); the time of the state stays. */
function refresh(draft: Draft, task: Task, report: TaskStatus): string | undefined {
  if (isTerminal(task.status.state)) return "task has ended";
  const status = { ...report, at: task.status.at };
  if (isSame(status, task.status)) return "unchanged";
  draft.tasks.put({ ...task, status });
  return undefined;
}
