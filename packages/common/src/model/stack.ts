/**
 * A stack: services, networks and configs that are deployed, changed and taken back together. What
 * a revision asked for is kept whole, so that a way back needs nobody's files.
 */
import * as v from "valibot";
import type { StackId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, id, shortText, text } from "../wire/schema.ts";

/** A config or secret that was made for a revision; it stays while a kept revision uses it. */
export const stackFileSchema = v.object({
  kind: v.picklist(["configs", "secrets"]),
  /** The key in the file. */
  key: shortText,
  id: shortText,
  name: shortText,
});
export type StackFileRow = Decoded<typeof stackFileSchema>;

export const revisionSchema = v.object({
  /** From 1, one higher at each deployment that changed something. */
  number: count,
  /** Wall time of the deployment. */
  at: count,
  /** "deployed", "rolled back to 3". */
  note: shortText,
  /** The merged, completed Compose tree as JSON, without contents of configs and secrets. */
  compose: text,
  files: v.array(stackFileSchema),
});
export type Revision = Decoded<typeof revisionSchema>;

export const stackSchema = v.object({
  id: id<StackId>(),
  version: count,
  createdAt: count,
  updatedAt: count,
  name: shortText,
  /** Oldest first; the last one is in effect. */
  revisions: v.array(revisionSchema),
});
export type Stack = Decoded<typeof stackSchema>;
