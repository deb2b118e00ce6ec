/**
 * What a backup holds beside the replicated state, and what a manager is told that begins with the
 * state of one (docs/design/backup.md).
 */
import * as v from "valibot";
import type { ClusterId, NodeId, RaftId } from "../ids.ts";
import { availabilitySchema, roleSchema } from "../model/node.ts";
import type { Decoded } from "./schema.ts";
import { count, id, indexNumber, shortText, text } from "./schema.ts";

/** What seals a backup, made by the client: its passphrase reaches no manager. Base64. */
export const backupRequestSchema = v.object({ header: shortText, key: shortText });

export const backupHeadSchema = v.object({
  format: v.literal(1),
  /** Wall time of the backup. */
  at: count,
  /** Of the last command in the state. */
  index: count,
  clusterVersion: count,
  cluster: v.object({
    id: id<ClusterId>(),
    name: shortText,
    plane: v.picklist(["loopback", "rootless", "kernel"]),
    taskPool: shortText,
  }),
  /** Sorted by id. */
  nodes: v.array(
    v.object({
      id: id<NodeId>(),
      name: shortText,
      role: roleSchema,
      availability: availabilitySchema,
    }),
  ),
  services: count,
  /** Opens what the state holds sealed. */
  storeKey: v.object({ id: shortText, key: shortText }),
  /** Who signs the certificates of nodes. */
  authority: v.object({ certificatePem: text, privateKeyPem: text }),
});
export type BackupHead = Decoded<typeof backupHeadSchema>;

/** What becomes of a state that a new cluster begins with. The same for each of its managers. */
export const restorePlanSchema = v.object({
  format: v.literal(1),
  /** Wall time of the restore. */
  at: count,
  /** The new log begins behind it. */
  index: indexNumber,
  cluster: v.object({ id: id<ClusterId>(), name: shortText, taskPool: shortText }),
  nodes: v.array(
    v.object({
      nodeId: id<NodeId>(),
      /** The node whose place it takes: its labels and availability. */
      from: v.exactOptional(id<NodeId>()),
      name: shortText,
      role: roleSchema,
      availability: availabilitySchema,
      address: shortText,
      /** Of a manager: its member of the new Raft configuration. */
      member: v.exactOptional(v.object({ raftId: id<RaftId>(), address: shortText })),
    }),
  ),
});
export type RestorePlan = Decoded<typeof restorePlanSchema>;

/** The file in a manager's directory with a plan and a state behind it; read once, at its start. */
export const RESTORE_FILE = "restored-state";
