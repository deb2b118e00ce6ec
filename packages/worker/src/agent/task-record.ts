/**
 * What the agent keeps on disk of each task: enough to know, before any manager answers, what it
 * runs.
 */

import type { TaskId } from "@skein/common/ids";
import { taskStatusSchema } from "@skein/common/model/task";
import { assignmentSchema } from "@skein/common/wire/dispatch-messages";
import type { Decoded } from "@skein/common/wire/schema";
import { id, strings } from "@skein/common/wire/schema";
import * as v from "valibot";

/**
 * `assignment` holds the last desired state; `status` is exact once terminal, else a lower bound.
 */
export const taskRecordSchema = v.object({
  assignment: assignmentSchema,
  status: taskStatusSchema,
});
export type TaskRecord = Decoded<typeof taskRecordSchema>;

/** Entries of the journal, each replacing what it names. */
export const databaseEntrySchema = v.variant("kind", [
  v.object({ kind: v.literal("task"), record: taskRecordSchema }),
  v.object({ kind: v.literal("forget"), taskId: id<TaskId>() }),
  v.object({ kind: v.literal("managers"), managers: strings }),
]);
export type DatabaseEntry = Decoded<typeof databaseEntrySchema>;
