/** A secret: a named value that only nodes with a task using it ever see. Stored sealed. */
import * as v from "valibot";
import type { SecretId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, id, shortText, stringMap } from "../wire/schema.ts";
import { sealedSchema } from "./trust.ts";

export const secretSpecSchema = v.object({
  name: shortText,
  labels: stringMap,
  /** Sealed for the purpose `secretPurpose(id)`. */
  data: sealedSchema,
});
export type SecretSpec = Decoded<typeof secretSpecSchema>;

export const secretSchema = v.object({
  id: id<SecretId>(),
  version: count,
  createdAt: count,
  updatedAt: count,
  spec: secretSpecSchema,
});
export type Secret = Decoded<typeof secretSchema>;

/** The box of one secret cannot be passed off as another's. */
export function secretPurpose(secretId: SecretId): string {
  return `secret ${secretId}`;
}

/** A secret or config as a file of a task. */
export const taskFileSchema = v.object({
  kind: v.picklist(["secret", "config"]),
  /** Of the secret or config. */
  id: shortText,
  name: shortText,
  /** Relative to the directory of its kind. */
  target: shortText,
  uid: shortText,
  gid: shortText,
  /** Permission bits: 0o444. */
  mode: count,
});
export type TaskFile = Decoded<typeof taskFileSchema>;
