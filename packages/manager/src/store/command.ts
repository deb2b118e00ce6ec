/**
 * Commands: the only way to change the store. One per log entry; it may carry several items, each
 * of which is checked against what it read and becomes a counted no-op when that no longer holds.
 * Ids and time travel inside: `apply` draws nothing and reads no clock.
 */
import type {
  ConfigId,
  NetworkId,
  NodeId,
  RequestId,
  SecretId,
  ServiceId,
  SessionId,
  StackId,
  TaskId,
} from "@skein/common/ids";
import { clusterSchema } from "@skein/common/model/cluster";
import { configSpecSchema } from "@skein/common/model/config";
import { networkSpecSchema } from "@skein/common/model/network";
import {
  availabilitySchema,
  managerStatusSchema,
  nodeDescriptionSchema,
  nodeSpecSchema,
  nodeStateSchema,
  roleSchema,
} from "@skein/common/model/node";
import { secretSpecSchema } from "@skein/common/model/secret";
import { serviceSpecSchema, updateStatusSchema } from "@skein/common/model/service";
import { revisionSchema } from "@skein/common/model/stack";
import { taskStatusSchema } from "@skein/common/model/task";
import { desiredStateSchema, taskStateSchema } from "@skein/common/model/task-state";
import { trustSchema } from "@skein/common/model/trust";
import type { Decoded } from "@skein/common/wire/schema";
import { count, flag, id, shortText, stringMap } from "@skein/common/wire/schema";
import * as v from "valibot";

/** Version of each command kind; `apply` of a released version is frozen. */
export const COMMAND_VERSION = 1;

const simpleCommandSchema = v.variant("kind", [
  /** First command of a cluster; refused when there is a cluster row. */
  v.object({
    kind: v.literal("init-cluster"),
    cluster: v.pick(clusterSchema, ["id", "name", "plane", "taskPool", "taskHistoryLimit"]),
    managers: v.array(
      v.object({ nodeId: id<NodeId>(), raftId: shortText, name: shortText, address: shortText }),
    ),
  }),
  /** A session began: creates the node, or writes its description, and makes it ready. */
  v.object({
    kind: v.literal("join-node"),
    nodeId: id<NodeId>(),
    role: roleSchema,
    name: shortText,
    availability: availabilitySchema,
    description: nodeDescriptionSchema,
    session: id<SessionId>(),
    /** Present when the node is a Raft member the store does not know as one yet. */
    manager: v.exactOptional(managerStatusSchema),
  }),
  /** What a node says of itself changed within its session; a no-op in any other. */
  v.object({
    kind: v.literal("describe-node"),
    nodeId: id<NodeId>(),
    session: id<SessionId>(),
    description: nodeDescriptionSchema,
  }),
  /**
   * `session`: the one judged; when the node has a newer one the command is a no-op. This and
   * `join-node` set `status.since` to the command's time when the state changes.
   */
  v.object({
    kind: v.literal("set-node-state"),
    nodeId: id<NodeId>(),
    session: v.exactOptional(id<SessionId>()),
    state: nodeStateSchema,
    message: shortText,
  }),
  v.object({
    kind: v.literal("update-node"),
    nodeId: id<NodeId>(),
    version: count,
    spec: nodeSpecSchema,
  }),
  /**
   * A manager process of this node takes part under this Raft id from now on; the leader dialled
   * its address back. A former id of the node is forgotten, and removed from Raft's configuration.
   */
  v.object({
    kind: v.literal("register-manager"),
    nodeId: id<NodeId>(),
    manager: managerStatusSchema,
  }),
  /** The node is a worker and its Raft member is gone: it is no manager any more. */
  v.object({
    kind: v.literal("unregister-manager"),
    nodeId: id<NodeId>(),
    raftId: shortText,
  }),
  v.object({ kind: v.literal("remove-node"), nodeId: id<NodeId>(), force: flag }),
  /** A joiner showed a token of this role; a known node is left as it is. */
  v.object({
    kind: v.literal("admit-node"),
    nodeId: id<NodeId>(),
    role: roleSchema,
    name: shortText,
    address: shortText,
    availability: availabilitySchema,
  }),
  /** `specIndex`: of the cluster that was read; 0 when nobody changed it yet. */
  v.object({
    kind: v.literal("set-trust"),
    specIndex: count,
    labels: stringMap,
    taskHistoryLimit: count,
    trust: trustSchema,
  }),
  /** No-op unless every node shows a certificate of the next root, whose digest `issuer` is. */
  v.object({ kind: v.literal("end-root-rotation"), issuer: shortText }),
  v.object({
    kind: v.literal("create-service"),
    serviceId: id<ServiceId>(),
    spec: serviceSpecSchema,
  }),
  /** `rollback`: swap spec and previous spec; `spec` is then ignored. */
  v.object({
    kind: v.literal("update-service"),
    serviceId: id<ServiceId>(),
    version: count,
    spec: serviceSpecSchema,
    rollback: flag,
    /** `rollback` to the spec of this index, out of the history. */
    to: v.exactOptional(count),
    /** Former specs to keep. */
    historyMax: v.exactOptional(count),
  }),
  v.object({ kind: v.literal("remove-service"), serviceId: id<ServiceId>() }),
  /**
   * A scheduled job is due. No-op unless the time is later than every one dealt with before, so
   * that a time makes one run, whoever leads.
   */
  v.object({
    kind: v.literal("run-job"),
    serviceId: id<ServiceId>(),
    /** Wall time of the schedule, not of the decision. */
    scheduledFor: count,
    /** Present: the time is dealt with, but nothing runs. */
    skipped: v.exactOptional(shortText),
  }),
  /** The reaper: the removed service has no task left. */
  v.object({ kind: v.literal("forget-service"), serviceId: id<ServiceId>() }),
  v.object({
    kind: v.literal("set-update-status"),
    serviceId: id<ServiceId>(),
    /** The service version the supervisor read: its `specIndex`. */
    specIndex: count,
    /** Times in it are for display: `apply` writes the envelope's wall time where it says 0. */
    status: updateStatusSchema,
    /** Present when the supervisor rolls back by itself. */
    rollback: flag,
    /**
     * Present: the traffic goes to the tasks of the current version from now on, and those that had
     * it stand by for so long.
     */
    standbyMs: v.exactOptional(count),
  }),
  /**
   * Give slots a (new) task. No-op per item when the slot's generation moved on. The slot's former
   * task keeps its desired state if it is of another version (a start-first update leaves it
   * serving until the new one is in rotation); of the same version it is asked to shut down.
   */
  v.object({
    kind: v.literal("fill-slots"),
    serviceId: id<ServiceId>(),
    items: v.array(
      v.object({
        slot: count,
        /** Generation read (0: the slot does not exist yet). */
        generation: count,
        taskId: id<TaskId>(),
        /** `Service.taskIndex` the decision was made for. */
        taskIndex: count,
        desired: desiredStateSchema,
        failures: count,
        startAt: v.exactOptional(count),
        reason: v.exactOptional(shortText),
        /** The slot's former task is not asked to end: it serves until then at most. */
        servesUntil: v.exactOptional(count),
        /** Of a new slot of a global service; a slot that is there keeps its node. */
        pinnedTo: v.exactOptional(id<NodeId>()),
      }),
    ),
  }),
  /** Scale down: the slot row goes, its task is asked to `remove`. */
  v.object({
    kind: v.literal("remove-slots"),
    serviceId: id<ServiceId>(),
    items: v.array(v.object({ slot: count, generation: count })),
  }),
  /** Desired states: only forward (ready < running < shutdown < remove). */
  v.object({
    kind: v.literal("set-desired"),
    items: v.array(
      v.object({ taskId: id<TaskId>(), desired: desiredStateSchema, reason: shortText }),
    ),
  }),
  /** The scheduler's decisions. No-op when the task is not pending or no longer wanted. */
  v.object({
    kind: v.literal("assign-tasks"),
    items: v.array(
      v.object({
        taskId: id<TaskId>(),
        nodeId: id<NodeId>(),
        /** Generic resources of the node that are the task's from now on. */
        generic: v.exactOptional(stringMap),
      }),
    ),
  }),
  /** Why pending tasks stay pending, for `service ps`. */
  v.object({
    kind: v.literal("explain-tasks"),
    items: v.array(v.object({ taskId: id<TaskId>(), error: shortText })),
  }),
  /**
   * What an agent reported; an illegal or backward transition is a counted no-op. A change of state
   * sets `stateSince`; becoming `running` also sets `runningSince`, which stays.
   */
  v.object({
    kind: v.literal("report-tasks"),
    nodeId: id<NodeId>(),
    items: v.array(v.object({ taskId: id<TaskId>(), status: taskStatusSchema })),
  }),
  /**
   * Endings nobody is left to report: `orphaned` by the leader, `shutdown` of tasks never taken.
   */
  v.object({
    kind: v.literal("end-tasks"),
    items: v.array(v.object({ taskId: id<TaskId>(), state: taskStateSchema, message: shortText })),
  }),
  /** The reaper: history beyond the limit, and tasks whose removal is complete. */
  v.object({ kind: v.literal("delete-tasks"), taskIds: v.array(id<TaskId>()) }),
  v.object({ kind: v.literal("create-config"), configId: id<ConfigId>(), spec: configSpecSchema }),
  /** `isOther`: the data may change, too; then the services that use it are renewed. */
  v.object({
    kind: v.literal("update-config"),
    configId: id<ConfigId>(),
    version: count,
    spec: configSpecSchema,
    isOther: v.exactOptional(flag),
  }),
  v.object({ kind: v.literal("remove-config"), configId: id<ConfigId>() }),
  v.object({ kind: v.literal("create-secret"), secretId: id<SecretId>(), spec: secretSpecSchema }),
  /** `isOther`: the value changed, not its box alone: services that use it are renewed. */
  v.object({
    kind: v.literal("update-secret"),
    secretId: id<SecretId>(),
    version: count,
    spec: secretSpecSchema,
    isOther: flag,
  }),
  v.object({ kind: v.literal("remove-secret"), secretId: id<SecretId>() }),
  v.object({
    kind: v.literal("create-network"),
    networkId: id<NetworkId>(),
    spec: networkSpecSchema,
  }),
  /** Refused while a service that is not removed names it. */
  v.object({ kind: v.literal("remove-network"), networkId: id<NetworkId>() }),
  /** The allocator: nobody holds an address of the removed network, and the last has rested. */
  v.object({ kind: v.literal("forget-network"), networkId: id<NetworkId>() }),
  /** The allocator: tasks that wait for an address of a network, now that some have rested. */
  v.object({ kind: v.literal("allocate-tasks"), taskIds: v.array(id<TaskId>()) }),
]);

/**
 * A stack is deployed, changed or removed in one entry: its row, and every write that belongs to it
 * (`STACK_STEPS` in sequence.ts), or none of them.
 */
const writeStackSchema = v.object({
  kind: v.literal("write-stack"),
  stackId: id<StackId>(),
  name: shortText,
  /** Of the row that was read; 0: there is no such stack yet. */
  version: count,
  /** Absent: the stack goes. */
  revision: v.exactOptional(v.omit(revisionSchema, ["number", "at"])),
  /** There is no row to write: the steps are about what carries the stack's label. */
  isLabelOnly: v.exactOptional(v.literal(true)),
  steps: v.array(simpleCommandSchema),
});

export const commandSchema = v.variant("kind", [simpleCommandSchema, writeStackSchema]);
export type Command = Decoded<typeof commandSchema>;
export type CommandOf<K extends Command["kind"]> = Extract<Command, { readonly kind: K }>;

export const envelopeSchema = v.object({
  version: count,
  /**
   * Store time at which the leader decided; `apply` moves the store's time to the later of both.
   */
  time: count,
  /** Wall time at the leader: becomes `createdAt`/`updatedAt`, for display only. */
  wall: count,
  /** Present on commands that came from a client. */
  request: v.exactOptional(id<RequestId>()),
  command: commandSchema,
});
export type Envelope = Decoded<typeof envelopeSchema>;

/** Facts an answer needs that the caller cannot know beforehand. */
export interface Accepted {
  /** Id of the object written, when there is one. */
  readonly id?: string;
  readonly warnings: readonly string[];
  /** Items that had become no-ops, by reason. */
  readonly skipped: readonly { readonly item: string; readonly reason: string }[];
}

/**
 * Why `apply` refuses a command. Codes are listed in docs/ERRORS.md; `message` is Docker's text.
 */
export interface Refusal {
  readonly code:
    | "cluster-exists"
    | "no-cluster"
    | "node-not-found"
    | "node-not-down"
    | "node-is-manager"
    | "node-removed"
    | "node-not-manager"
    | "last-manager"
    | "raft-id-taken"
    | "service-not-found"
    | "service-name-taken"
    | "service-no-previous-spec"
    | "port-taken"
    | "ports-exhausted"
    | "config-not-found"
    | "config-name-taken"
    | "config-in-use"
    | "config-immutable"
    | "stack-name-taken"
    | "stack-not-found"
    | "stack-step-refused"
    | "secret-not-found"
    | "secret-name-taken"
    | "secret-in-use"
    | "secret-immutable"
    | "network-not-found"
    | "network-name-taken"
    | "network-in-use"
    | "network-refused"
    | "networks-exhausted"
    | "addresses-exhausted"
    | "version-conflict"
    | "spec-immutable"
    | "newer-version"
    | "request-reused"
    | "bug";
  readonly message: string;
}
