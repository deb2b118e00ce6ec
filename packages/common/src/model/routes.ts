/**
 * The serving table every node gets: which ports are published, which services have names on which
 * overlay networks, and which tasks answer. A node that is cut off serves the last one it got.
 */
import * as v from "valibot";
import type { NetworkId, NodeId, ServiceId, TaskId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, flag, id, shortText, strings } from "../wire/schema.ts";
import { ingressOptionsSchema } from "./ingress-options.ts";
import { networkAddressSchema } from "./network.ts";

export const backendSchema = v.object({
  taskId: id<TaskId>(),
  nodeId: id<NodeId>(),
  /** The node's data address, where `/stream` is answered: "127.0.1.4:4789". */
  dataAddress: shortText,
  /** The task's overlay address: "10.65.0.5". */
  address: shortText,
  slot: v.exactOptional(count),
  /** Its addresses on overlay networks. */
  networks: v.exactOptional(v.array(networkAddressSchema)),
  /** TCP ports it listens on: what a virtual address carries. */
  listens: v.exactOptional(v.array(count)),
});

/** A service on an overlay network: what its names there mean. */
export const attachmentSchema = v.object({
  networkId: id<NetworkId>(),
  /** The network's name. */
  network: shortText,
  subnet: shortText,
  aliases: strings,
  /** Absent: the names mean the tasks themselves (`dnsrr`). */
  vip: v.exactOptional(shortText),
});
export type Attachment = Decoded<typeof attachmentSchema>;

export const namesSchema = v.object({
  /** The stack the service is part of. */
  stack: v.exactOptional(shortText),
  dnsrr: flag,
  attachments: v.array(attachmentSchema),
  /** Target ports with a name, for SRV. */
  namedPorts: v.array(v.object({ name: shortText, port: count })),
});
export type Names = Decoded<typeof namesSchema>;

export const serviceRouteSchema = v.object({
  serviceId: id<ServiceId>(),
  name: shortText,
  ports: v.array(v.object({ publishedPort: count, targetPort: count })),
  /** Absent: the defaults. */
  ingress: v.exactOptional(ingressOptionsSchema),
  /** Present when the service is on an overlay network. */
  names: v.exactOptional(namesSchema),
  /** Tasks in rotation, sorted by task id. */
  backends: v.array(backendSchema),
  /**
   * Wanted tasks that are not in rotation, sorted by task id: one serves as soon as its own node
   * says that it may, also while every manager is gone.
   */
  expected: v.exactOptional(v.array(backendSchema)),
});
export type ServiceRoute = Decoded<typeof serviceRouteSchema>;
export type Backend = Decoded<typeof backendSchema>;
