/** What a message means for the tasks the agent holds. */
import type { TaskId } from "@skein/common/ids";
import type { Assignment } from "@skein/common/wire/dispatch-messages";
import type { FromDataPlane } from "../dataplane/protocol.ts";
import type { AgentTask } from "./task.ts";

/** Tasks that a complete set of assignments does not name. */
export function absentFrom(
  tasks: readonly AgentTask[],
  put: readonly Assignment[],
): readonly TaskId[] {
  const wanted = new Set(put.map((assignment) => assignment.taskId));
  return tasks.map((task) => task.taskId).filter((taskId) => !wanted.has(taskId));
}

/** What the data plane found out about a task. */
export function heard(
  task: AgentTask,
  message: Extract<FromDataPlane, { readonly taskId: TaskId }>,
): void {
  if (message.kind === "in-rotation") task.rotation({ inRotation: true });
  else if (message.kind === "warning") task.rotation({ warning: message.message });
  else if (message.kind === "listens") task.rotation({ listens: message.ports });
  else task.rotation({ inRotation: false, warning: message.reason });
}
