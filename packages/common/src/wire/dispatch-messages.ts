/**
 * What a worker and the leader say on `/dispatch`. The worker dials; the first message is `hello`.
 *
 * Worker: hello, heartbeat (each second), status (batches, numbered), taken (assignments applied),
 * description (it changed since hello).
 * Leader: redirect (not the leader; dial that one), welcome, assignments (complete once, then
 * incremental, each on the version before), routes and members (same rule), status-stored.
 */
import * as v from "valibot";
import type { NodeId, SessionId, TaskId } from "../ids.ts";
import { networkAddressSchema } from "../model/network.ts";
import { availabilitySchema, nodeDescriptionSchema, roleSchema } from "../model/node.ts";
import { serviceRouteSchema } from "../model/routes.ts";
import { portSpecSchema, taskSpecSchema } from "../model/service.ts";
import { taskStatusSchema } from "../model/task.ts";
import { desiredStateSchema } from "../model/task-state.ts";
import type { Decoded } from "./schema.ts";
import { bytes, count, flag, id, shortText, stringMap, strings, text } from "./schema.ts";

export const DISPATCH_VERSION = 1;

/** Everything an agent needs to run one task; templates are expanded by the agent. */
export const assignmentSchema = v.object({
  taskId: id<TaskId>(),
  serviceId: shortText,
  serviceName: shortText,
  slot: count,
  /** The node of a global service's slot. */
  pinnedTo: v.exactOptional(id<NodeId>()),
  spec: taskSpecSchema,
  ports: v.array(portSpecSchema),
  desired: desiredStateSchema,
  address: v.exactOptional(shortText),
  generic: v.exactOptional(stringMap),
  /** Its addresses on overlay networks. */
  networks: v.exactOptional(v.array(networkAddressSchema)),
  nodeId: id<NodeId>(),
  nodeHostname: shortText,
  nodeLabels: stringMap,
});
export type Assignment = Decoded<typeof assignmentSchema>;

/** A node as others need to know it. */
export const clusterMemberSchema = v.object({
  nodeId: id<NodeId>(),
  name: shortText,
  role: roleSchema,
  /** Its control address, where `/gossip` is served. */
  address: shortText,
});
export type ClusterMember = Decoded<typeof clusterMemberSchema>;

export const taskReportSchema = v.object({ taskId: id<TaskId>(), status: taskStatusSchema });
export type TaskReport = Decoded<typeof taskReportSchema>;

export const fromWorkerSchema = v.variant("kind", [
  v.object({
    kind: v.literal("hello"),
    version: count,
    name: shortText,
    availability: availabilitySchema,
    description: nodeDescriptionSchema,
    /** The state of every task the agent knows, so that the leader misses nothing. */
    tasks: v.array(taskReportSchema),
  }),
  v.object({ kind: v.literal("heartbeat") }),
  v.object({ kind: v.literal("taken"), version: count }),
  v.object({ kind: v.literal("status"), sequence: count, reports: v.array(taskReportSchema) }),
  /** What `hello` said of the node is no longer so: it trusts other roots, for one. */
  v.object({ kind: v.literal("description"), description: nodeDescriptionSchema }),
  /** What the node's gossip found out by itself about another. */
  v.object({
    kind: v.literal("verdict"),
    nodeId: id<NodeId>(),
    evidence: v.picklist(["silent", "refused", "left"]),
  }),
  /** A planned end: `restarting` keeps the tasks and asks for patience until `backWithinMs`. */
  v.object({ kind: v.literal("leaving"), restarting: flag, backWithinMs: count }),
]);
export type FromWorker = Decoded<typeof fromWorkerSchema>;

/** What the cluster makes of this node, and whom it trusts: at each session and each change. */
export const trustNoticeSchema = v.object({
  kind: v.literal("trust"),
  /** The role the node is to have: another than its certificate's asks for a new certificate. */
  role: roleSchema,
  /** Every root to trust, as PEM. */
  roots: text,
  /** The root that signs now: a certificate of another one is to be renewed. */
  signer: text,
  /** Nodes whose certificates open nothing. */
  removed: strings,
});
export type TrustNotice = Decoded<typeof trustNoticeSchema>;

export const toWorkerSchema = v.variant("kind", [
  v.object({
    kind: v.literal("redirect"),
    /** "address:port" of the leader, when known. */
    leader: v.exactOptional(shortText),
    managers: strings,
    reason: shortText,
  }),
  v.object({
    kind: v.literal("welcome"),
    version: count,
    session: id<SessionId>(),
    heartbeatMs: count,
    managers: strings,
  }),
  v.object({
    kind: v.literal("assignments"),
    /** Complete: `put` is all there is. Else: apply on `base`, else close and come back. */
    complete: flag,
    base: count,
    version: count,
    put: v.array(assignmentSchema),
    remove: v.array(id<TaskId>()),
  }),
  v.object({
    kind: v.literal("routes"),
    complete: flag,
    base: count,
    version: count,
    put: v.array(serviceRouteSchema),
    remove: strings,
    /** Index of the store that this is no older than: the version under which nodes gossip it. */
    index: v.exactOptional(count),
  }),
  /** Who belongs to the cluster: the members of gossip. Same rule. */
  v.object({
    kind: v.literal("members"),
    complete: flag,
    base: count,
    version: count,
    put: v.array(clusterMemberSchema),
    remove: v.array(id<NodeId>()),
    index: count,
  }),
  v.object({ kind: v.literal("status-stored"), sequence: count }),
  v.object({ kind: v.literal("managers"), managers: strings }),
  trustNoticeSchema,
  /** The value of a secret or config that tasks of the next assignments find as a file. */
  v.object({ kind: v.literal("file"), id: shortText, data: bytes }),
  /** Answer to a heartbeat: a worker whose leader answers knows a frozen leader by its silence. */
  v.object({ kind: v.literal("heartbeat") }),
]);
export type ToWorker = Decoded<typeof toWorkerSchema>;
