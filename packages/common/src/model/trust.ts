/**
 * What the cluster trusts: its certificate authority and its join tokens. Part of the cluster's
 * row. Nothing in it is of use without the store key, which is in no log and no snapshot.
 */
import * as v from "valibot";
import type { NodeId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { bytes, count, id, shortText, text } from "../wire/schema.ts";

/** AES-256-GCM under the store key `key`: nonce (12 bytes), ciphertext, tag (16 bytes). */
export const sealedSchema = v.object({ key: shortText, box: bytes });
export type Sealed = Decoded<typeof sealedSchema>;

export const trustSchema = v.object({
  /** The root that is named by the join tokens. */
  rootPem: text,
  /** PKCS #8 of the root's key. */
  rootKey: sealedSchema,
  /**
   * The root that takes its place, while nodes renew their certificates: both are trusted, the next
   * one signs, and `crossPem`, it signed by the old one, convinces those who know the old one only.
   */
  next: v.exactOptional(
    v.object({
      rootPem: text,
      rootKey: sealedSchema,
      crossPem: text,
      /** Of `rootPem`: what nodes name as their issuer when they have renewed. */
      digest: v.exactOptional(shortText),
    }),
  ),
  workerSecret: sealedSchema,
  managerSecret: sealedSchema,
  /** Of certificates issued from now on. */
  certificateLifeMs: count,
  /** The longest there ever was: as long as this, a removed node may hold a valid certificate. */
  longestLifeMs: count,
  /** Docker's `ForceRotate`: a larger one in a spec asks for a new root. */
  forceRotate: count,
});
export type Trust = Decoded<typeof trustSchema>;

/** A node that was removed: its certificate, valid until then at the latest, opens nothing. */
export const removedNodeSchema = v.object({ nodeId: id<NodeId>(), until: count });
export type RemovedNode = Decoded<typeof removedNodeSchema>;
