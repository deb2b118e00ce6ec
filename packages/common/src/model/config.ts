/** A config: a named, immutable value. The simplest replicated object. */
import * as v from "valibot";
import type { ConfigId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { bytes, count, id, shortText, stringMap, text } from "../wire/schema.ts";

export const configSpecSchema = v.object({
  name: shortText,
  labels: stringMap,
  data: bytes,
  templating: v.exactOptional(text),
});
export type ConfigSpec = Decoded<typeof configSpecSchema>;

export const configSchema = v.object({
  id: id<ConfigId>(),
  version: count,
  createdAt: count,
  updatedAt: count,
  spec: configSpecSchema,
});
export type Config = Decoded<typeof configSchema>;
