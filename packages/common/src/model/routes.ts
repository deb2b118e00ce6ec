/**
 * The serving table every node gets: which ports are published, and which tasks answer them. A node
 * that is cut off serves the last one it got.
 */
import * as v from "valibot";
import type { NodeId, ServiceId, TaskId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, id, shortText } from "../wire/schema.ts";
import { ingressOptionsSchema } from "./ingress-options.ts";

export const backendSchema = v.object({
  taskId: id<TaskId>(),
  nodeId: id<NodeId>(),
  /** The node's data address, where `/stream` is answered: "127.0.1.4:4789". */
  dataAddress: shortText,
  /** The task's overlay address: "10.65.0.5". */
  address: shortText,
});

export const serviceRouteSchema = v.object({
  serviceId: id<ServiceId>(),
  name: shortText,
  ports: v.array(v.object({ publishedPort: count, targetPort: count })),
  /** Absent: the defaults. */
  ingress: v.exactOptional(ingressOptionsSchema),
  /** Tasks in rotation, sorted by task id. */
  backends: v.array(backendSchema),
});
export type ServiceRoute = Decoded<typeof serviceRouteSchema>;
export type Backend = Decoded<typeof backendSchema>;
