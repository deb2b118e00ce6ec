/** The one row that describes the cluster itself. */
import * as v from "valibot";
import type { ClusterId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, id, shortText, stringMap } from "../wire/schema.ts";
import { removedNodeSchema, trustSchema } from "./trust.ts";

export const clusterSchema = v.object({
  id: id<ClusterId>(),
  /** "default", "blue": the local cluster's name. Docker's own spec name is always "default". */
  name: shortText,
  version: count,
  createdAt: count,
  updatedAt: count,
  /** Newest command version every manager supports; nothing newer is proposed. */
  clusterVersion: count,
  plane: v.picklist(["loopback", "rootless", "kernel"]),
  /** Task addresses come from here: "10.65.0.0/16". */
  taskPool: shortText,
  taskHistoryLimit: count,
  /** Index of the last write of what a user may change: a client must have read at least this. */
  specIndex: v.exactOptional(count),
  labels: v.exactOptional(stringMap),
  /** Absent until the first leader made it, and in a cluster that has no authority of its own. */
  trust: v.exactOptional(trustSchema),
  /** Nodes removed from the cluster whose certificates have not run out, sorted by id. */
  removed: v.exactOptional(v.array(removedNodeSchema)),
});
export type Cluster = Decoded<typeof clusterSchema>;
