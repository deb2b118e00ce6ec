/** The one row that describes the cluster itself. */
import * as v from "valibot";
import type { ClusterId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, id, shortText } from "../wire/schema.ts";

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
});
export type Cluster = Decoded<typeof clusterSchema>;
