/**
 * What is said on `/ca`, as JSON over HTTPS, one request a connection: the only path that takes
 * strangers. `GET /ca/root` gives the root certificates; `POST /ca/join` takes a token and a public
 * key; `POST /ca/renew` takes a public key from a node that shows its certificate.
 */
import * as v from "valibot";
import type { ClusterId, NodeId } from "../ids.ts";
import { availabilitySchema, roleSchema } from "../model/node.ts";
import type { Decoded } from "./schema.ts";
import { id, shortText, text } from "./schema.ts";

const base64 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{1,512}={0,2}$/));
const addresses = v.pipe(v.array(v.pipe(v.string(), v.maxLength(253))), v.maxLength(8));

export const joinRequestSchema = v.object({
  token: shortText,
  /** SPKI, DER. Its digest is the node's id: the same request again is the same node. */
  publicKey: base64,
  /** ECDSA over `proofText`: whoever asks holds the key. */
  proof: base64,
  name: v.pipe(v.string(), v.maxLength(253)),
  availability: availabilitySchema,
  addresses,
});
export type JoinRequest = Decoded<typeof joinRequestSchema>;

export const renewRequestSchema = v.object({ publicKey: base64, proof: base64, addresses });
export type RenewRequest = Decoded<typeof renewRequestSchema>;

/** A follower hands these on to the leader. */
export const caRequestSchema = v.variant("kind", [
  v.object({ kind: v.literal("join"), request: joinRequestSchema }),
  v.object({ kind: v.literal("renew"), nodeId: id<NodeId>(), request: renewRequestSchema }),
]);
export type CaRequest = Decoded<typeof caRequestSchema>;

export const issuedSchema = v.object({
  nodeId: id<NodeId>(),
  role: roleSchema,
  clusterId: id<ClusterId>(),
  clusterName: shortText,
  plane: v.picklist(["loopback", "rootless", "kernel"]),
  taskPool: shortText,
  /** "10.0.0.1:2377": whom to dial. */
  managers: v.array(shortText),
  /** The roots to trust. */
  caPem: text,
  /** The certificate, and behind it what leads to a root while roots change. */
  certificatePem: text,
  /** For a manager: what opens the sealed parts of the store. */
  storeKey: v.exactOptional(v.object({ id: shortText, key: shortText })),
});
export type Issued = Decoded<typeof issuedSchema>;

export const caRefusalSchema = v.object({ code: shortText, message: shortText });
export type CaRefusal = Decoded<typeof caRefusalSchema>;

/** What the proof signs: bound to one purpose, so that it is of no use for another. */
export function proofText(purpose: "join" | "renew", publicKey: string): string {
  return `skein ca 1 ${purpose} ${publicKey}`;
}
