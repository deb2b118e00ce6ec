/**
 * An overlay network: a subnet of the cluster's address space whose tasks reach each other by name.
 */
import * as v from "valibot";
import type { NetworkId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, flag, id, shortText, stringMap, strings } from "../wire/schema.ts";

export const networkSpecSchema = v.object({
  name: shortText,
  labels: stringMap,
  /** Driver options as sent: `inspect` gives them back. */
  options: stringMap,
  /** No way out of the network: neither to the machine's own network nor to the world. */
  internal: flag,
  attachable: flag,
  /** Frames between nodes travel inside mutual TLS. */
  encrypted: flag,
  /** Absent: the cluster chooses. */
  subnet: v.exactOptional(shortText),
  gateway: v.exactOptional(shortText),
});
export type NetworkSpec = Decoded<typeof networkSpecSchema>;

/** An address that a task or service gave back: it rests before somebody else gets it. */
export const restingSchema = v.object({ host: count, since: count });
export type Resting = Decoded<typeof restingSchema>;

export const networkSchema = v.object({
  id: id<NetworkId>(),
  version: count,
  createdAt: count,
  updatedAt: count,
  spec: networkSpecSchema,
  /** "10.65.128.0/23" */
  subnet: shortText,
  gateway: shortText,
  /** Names the network on the wire between nodes. */
  vni: count,
  /** Where the search for a free address goes on. */
  cursor: count,
  /** By host part, oldest first. */
  resting: v.array(restingSchema),
  /**
   * Store time of the removal by its user; the row stays until nobody holds an address of it and
   * the last has rested, so that its subnet is not handed out early.
   */
  removedAt: v.exactOptional(count),
});
export type Network = Decoded<typeof networkSchema>;

/** What a service's spec asks for. */
export const networkWishSchema = v.object({ networkId: id<NetworkId>(), aliases: strings });
export type NetworkWish = Decoded<typeof networkWishSchema>;

/** An address on a network: a task's own, or a service's virtual one. */
export const networkAddressSchema = v.object({ networkId: id<NetworkId>(), address: shortText });
export type NetworkAddress = Decoded<typeof networkAddressSchema>;
