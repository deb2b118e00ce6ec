/**
 * `/logs`: a manager dials a worker and asks for the output of tasks; one message is one whole
 * line. The worker ends with `end`, or with a close when it goes away.
 */
import * as v from "valibot";
import type { TaskId } from "../ids.ts";
import type { Decoded } from "./schema.ts";
import { bytes, count, flag, id, shortText } from "./schema.ts";

export const logRequestSchema = v.object({
  taskIds: v.array(id<TaskId>()),
  follow: flag,
  stdout: flag,
  stderr: flag,
  /** Last N lines of each task; absent: all. */
  tail: v.exactOptional(count),
  /** Wall milliseconds: lines at or after it. */
  since: v.exactOptional(count),
  until: v.exactOptional(count),
  /** Name of a service: the access log of this node for it, instead of the output of tasks. */
  access: v.exactOptional(shortText),
});
export type LogRequest = Decoded<typeof logRequestSchema>;

export const logMessageSchema = v.variant("kind", [
  v.object({
    kind: v.literal("line"),
    taskId: id<TaskId>(),
    stream: v.picklist(["stdout", "stderr"]),
    /** Wall time in nanoseconds as decimal text: beyond 2^53. */
    atNs: v.string(),
    /** As written, its line end included. */
    line: bytes,
    /** A piece of a line that is too long for one message; the next message goes on with it. */
    partial: v.exactOptional(flag),
    /** Written while no agent ran: `atNs` is when the next one found it. */
    late: v.exactOptional(flag),
  }),
  v.object({ kind: v.literal("end") }),
]);
export type LogMessage = Decoded<typeof logMessageSchema>;
