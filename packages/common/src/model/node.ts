/**
 * A node: one identity. The spec is the user's; description and status are written by the system.
 */
import * as v from "valibot";
import type { NodeId, SessionId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, id, shortText, stringMap, strings } from "../wire/schema.ts";

export const roleSchema = v.picklist(["manager", "worker"]);
export const availabilitySchema = v.picklist(["active", "pause", "drain"]);
export type Availability = v.InferOutput<typeof availabilitySchema>;

export const nodeSpecSchema = v.object({
  name: v.exactOptional(shortText),
  labels: stringMap,
  role: roleSchema,
  availability: availabilitySchema,
});
export type NodeSpec = Decoded<typeof nodeSpecSchema>;

/** Whose certificate a node shows and whom it trusts: digests of roots, as in join tokens. */
export const nodeTlsSchema = v.object({ issuer: shortText, roots: strings });
export type NodeTls = Decoded<typeof nodeTlsSchema>;

/** What a node says of itself at each session, and when it changes. */
export const nodeDescriptionSchema = v.object({
  hostname: shortText,
  architecture: shortText,
  os: shortText,
  nanoCpus: count,
  memoryBytes: count,
  engineVersion: shortText,
  /** Host part for people and for dialling, such as "127.0.1.4". */
  address: shortText,
  /** Where this node's worker process listens: `/ping`, `/logs`. "127.0.1.4:7946". */
  controlAddress: shortText,
  /** Where its data-plane thread listens: `/stream`. "127.0.1.4:4789". */
  dataAddress: shortText,
  /** Kernel boot id and network namespace: equal for nodes that share one machine's loopback. */
  hostKey: shortText,
  /** Limits of tasks it can enforce: "cpu", "memory", "pids". Absent: none. */
  limits: v.exactOptional(strings),
  /** Absent: it did not say. */
  tls: v.exactOptional(nodeTlsSchema),
});
export type NodeDescription = Decoded<typeof nodeDescriptionSchema>;

export const nodeStateSchema = v.picklist(["unknown", "ready", "down"]);
export type NodeState = v.InferOutput<typeof nodeStateSchema>;

export const nodeStatusSchema = v.object({
  state: nodeStateSchema,
  /** Why, in words a user reads: "worker process ended: connection refused". Empty when ready. */
  message: shortText,
  /**
   * The session that made it ready; `down` names the session it judged, so a newer one overrules.
   */
  session: v.exactOptional(id<SessionId>()),
  /**
   * Store time of the last change of `state`: a node that stays down for long releases its tasks.
   */
  since: v.exactOptional(count),
});

/** Present on managers only; the Raft member's address. */
export const managerStatusSchema = v.object({ raftId: shortText, address: shortText });

export const nodeSchema = v.object({
  id: id<NodeId>(),
  version: count,
  /** Index of the last write of the spec: a client's update must have read at least this. */
  specIndex: v.exactOptional(count),
  createdAt: count,
  updatedAt: count,
  spec: nodeSpecSchema,
  description: nodeDescriptionSchema,
  status: nodeStatusSchema,
  manager: v.exactOptional(managerStatusSchema),
  /** Store time since when its certificate is of the issuer that it names. */
  issuerSince: v.exactOptional(count),
});
export type Node = Decoded<typeof nodeSchema>;
