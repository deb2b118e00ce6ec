/**
 * Bytes <-> plain values. One shared packr without records: a frame can be read without what came
 * before it. Byte equality of equal values is not promised (map order), so digests use canonical
 * JSON instead.
 */
import { Packr } from "msgpackr";
import type * as v from "valibot";
import type { Result } from "../result.ts";
import { fail } from "../result.ts";
import type { Decoded, DecodeError } from "./schema.ts";
import { decodeWith } from "./schema.ts";

const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  encodeUndefinedAsNil: false,
  copyBuffers: true,
});

/** Encodes a plain value. The result is a copy: it may be kept. */
export function encode(value: unknown): Uint8Array {
  // Packr hands out slices of a pooled buffer; a kept slice would pin or share the pool.
  return Uint8Array.prototype.slice.call(packr.pack(value));
}

/** Decodes and checks. Total: whatever the bytes, it answers with a value or an error. */
export function decode<S extends v.GenericSchema>(
  schema: S,
  frame: Uint8Array,
): Result<Decoded<S>, DecodeError> {
  let value: unknown;
  try {
    value = packr.unpack(frame);
  } catch (error) {
    return fail({ code: "malformed", reason: `not msgpack: ${String(error)}` });
  }
  return decodeWith(schema, value);
}

/** JSON with keys sorted by code unit at every depth: the input of every digest. */
export function canonicalJson(value: unknown): string {
  if (value instanceof Uint8Array) return `"bytes:${Buffer.from(value).toString("base64")}"`;
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const members = entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`);
  return `{${members.join(",")}}`;
}
