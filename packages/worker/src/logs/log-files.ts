/**
 * Where a task's output lies below the state directory; the process engine writes the first two.
 */
import type { TaskId } from "@skein/common/ids";

export const STREAMS = ["stdout", "stderr"] as const;
export type StreamName = (typeof STREAMS)[number];

/** The directory of the tasks, relative to the node's state directory. */
export const TASKS_DIRECTORY = "tasks";

export function outputPath(task: TaskId, stream: StreamName): string {
  return `${TASKS_DIRECTORY}/${task}/${stream}`;
}

/** The times of the output (log-marks.ts). */
export function marksPath(task: TaskId, stream: StreamName): string {
  return `${outputPath(task, stream)}.times`;
}

/** Access logs of published services, in the node's state directory. */
export const ACCESS_DIRECTORY = "access";

/** Names of services have no other characters; whatever comes, it names a file in the directory. */
export function accessPath(service: string): string {
  return `${ACCESS_DIRECTORY}/${service.replaceAll(/[^\w.-]/g, "_").replace(/^\.+/, "_")}.log`;
}
