/** A task: one immutable attempt. It is never restarted or moved; its slot gets another. */
import * as v from "valibot";
import type { NodeId, ServiceId, TaskId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, flag, id, shortText, stringMap } from "../wire/schema.ts";
import { networkAddressSchema } from "./network.ts";
import { portSpecSchema, taskSpecSchema } from "./service.ts";
import { desiredStateSchema, taskStateSchema } from "./task-state.ts";

/** What the agent reports. `at` is wall time at the agent: for display only. */
export const taskStatusSchema = v.object({
  state: taskStateSchema,
  at: count,
  /** Progress in words: "started". */
  message: shortText,
  /** Why it ended or cannot go on: "task: non-zero exit (1)", "no suitable node (…)". */
  error: v.exactOptional(shortText),
  exitCode: v.exactOptional(count),
  pid: v.exactOptional(count),
  /** True once the target port accepted a connection (or there is none) while running. */
  inRotation: v.exactOptional(flag),
  /** TCP ports it listens on at its address, sorted; told of tasks on overlay networks. */
  listens: v.exactOptional(v.array(count)),
  /** The port problem a user must hear of: "web.1 listens on 0.0.0.0:8000, not on …". */
  warning: v.exactOptional(shortText),
});
export type TaskStatus = Decoded<typeof taskStatusSchema>;

export const taskSchema = v.object({
  id: id<TaskId>(),
  version: count,
  createdAt: count,
  updatedAt: count,
  /** Store time when the observed state last changed; deadlines count from it. */
  stateSince: count,
  /**
   * Store time at which it became `running`; kept when it ends, so that "how long did it run" is
   * known.
   */
  runningSince: v.exactOptional(count),
  serviceId: id<ServiceId>(),
  serviceName: shortText,
  slot: count,
  /** The node of a global service's slot: the task goes there or nowhere. */
  pinnedTo: v.exactOptional(id<NodeId>()),
  /** The run of a job that it belongs to. */
  iteration: v.exactOptional(count),
  /** The slot's generation that made this task. */
  generation: count,
  /** `Service.taskIndex` when it was made: "up to date" is one comparison. */
  taskIndex: count,
  spec: taskSpecSchema,
  ports: v.array(portSpecSchema),
  desired: desiredStateSchema,
  nodeId: v.exactOptional(id<NodeId>()),
  /** Generic resources it was given: a number, or the names. */
  generic: v.exactOptional(stringMap),
  /** Overlay address such as "10.65.0.5", from the allocator. */
  address: v.exactOptional(shortText),
  /** One for each overlay network it is attached to, in the order of the spec. */
  networks: v.exactOptional(v.array(networkAddressSchema)),
  status: taskStatusSchema,
});
export type Task = Decoded<typeof taskSchema>;

/**
 * A slot of a replicated service: stored, not inferred from tasks. It names the one task that
 * counts, and holds what the restart supervisor must remember over a change of leader.
 */
export const slotSchema = v.object({
  serviceId: id<ServiceId>(),
  slot: count,
  /** Its node, in a global service. */
  pinnedTo: v.exactOptional(id<NodeId>()),
  version: count,
  /** +1 with every task the slot gets. */
  generation: count,
  taskId: v.exactOptional(id<TaskId>()),
  /** Failures in a row; back to 0 when a task ran long enough. */
  failures: count,
  /** Store time at which the current task may start (its desired state is `ready` until then). */
  startAt: v.exactOptional(count),
  /**
   * Store time until which the former task serves on while this one is not in rotation yet: its
   * node is drained.
   */
  servesUntil: v.exactOptional(count),
  /** Why the last task was replaced: shown by `service ps`. */
  reason: v.exactOptional(shortText),
});
export type Slot = Decoded<typeof slotSchema>;
/** "web.1"; of a global service "web.<node id>", as in Docker. */
export function taskName(task: Pick<Task, "serviceName" | "slot" | "pinnedTo">): string {
  return `${task.serviceName}.${task.pinnedTo ?? task.slot}`;
}

/** The key of a slot in its table. */
export function slotKey(service: ServiceId, slot: number): string {
  return `${service}.${slot}`;
}
