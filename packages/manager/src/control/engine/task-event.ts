/** A change of a task as an event. Docker has none; these carry every decision with its reason. */
import type { EngineEvent } from "@skein/common/api/engine-event";
import type { Task } from "@skein/common/model/task";
import { taskName } from "@skein/common/model/task";
import type { Change } from "../../store/view.ts";

export interface EventNames {
  /** Why the slot got this task. */
  reasonOf(taskId: string): string | undefined;
  nodeName(nodeId: string): string | undefined;
}

/** Undefined: nothing a person would call news. */
export function taskEvent(change: Change, now: number, names: EventNames): EngineEvent | undefined {
  // A change's rows are of its table's type (store/view.ts), which the union does not carry.
  const [before, after] = [change.before as Task | undefined, change.after as Task | undefined];
  const task = after ?? before;
  if (task === undefined) return undefined;
  const moved = after === undefined ? {} : differences(before, after);
  if (before !== undefined && after !== undefined && Object.keys(moved).length === 0) {
    return undefined;
  }
  const reason = reasonFor(change, { before, after, names });
  const node = task.nodeId === undefined ? undefined : names.nodeName(task.nodeId);
  return {
    type: "task",
    action: change.action,
    id: task.id,
    attributes: {
      name: taskName(task),
      service: task.serviceName,
      ...moved,
      ...(node === undefined ? {} : { node }),
      ...(reason === undefined ? {} : { reason }),
    },
    at: after?.updatedAt ?? now,
  };
}

function differences(before: Task | undefined, after: Task): Readonly<Record<string, string>> {
  const rows = [
    ["state", before?.status.state, after.status.state],
    ["desired", before?.desired, after.desired],
    ["rotation", rotation(before), rotation(after)],
    ["waiting", before?.status.error, after.status.state === "pending" ? after.status.error : ""],
  ] as const;
  const moved: Record<string, string> = {};
  for (const [name, was, is] of rows) {
    if (is === undefined || is === "" || was === is) continue;
    moved[`${name}.new`] = is;
    if (was !== undefined && was !== "") moved[`${name}.old`] = was;
  }
  return moved;
}

function rotation(task: Task | undefined): string | undefined {
  const { inRotation } = task?.status ?? {};
  return inRotation === undefined ? undefined : inRotation ? "in" : "out";
}

interface Rows {
  readonly before: Task | undefined;
  readonly after: Task | undefined;
  readonly names: EventNames;
}

function reasonFor({ action }: Change, { before, after, names }: Rows): string | undefined {
  if (action === "create") return names.reasonOf(after?.id ?? "");
  if (after === undefined) return undefined;
  if (before?.status.state !== after.status.state) return after.status.error;
  if (before.desired !== after.desired) return names.reasonOf(after.id);
  return after.status.warning;
}
