/** A head of JSON and bytes behind it: a length (4 bytes, big endian), the head, the rest. */
import type * as v from "valibot";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import type { Decoded, DecodeError } from "./schema.ts";
import { decodeWith } from "./schema.ts";

const LENGTH_BYTES = 4;

export function encodeHead(head: unknown): Uint8Array {
  const json = Buffer.from(JSON.stringify(head));
  const bytes = Buffer.alloc(LENGTH_BYTES + json.length);
  bytes.writeUInt32BE(json.length);
  json.copy(bytes, LENGTH_BYTES);
  return bytes;
}

/** Total: whatever the bytes, it answers with head and rest or an error. */
export function decodeHeaded<S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
): Result<{ readonly head: Decoded<S>; readonly rest: Uint8Array }, DecodeError> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = view.length < LENGTH_BYTES ? Infinity : LENGTH_BYTES + view.readUInt32BE();
  if (end > view.length) return fail({ code: "malformed", reason: "cut off in its head" });
  let value: unknown;
  try {
    value = JSON.parse(view.toString("utf8", LENGTH_BYTES, end));
  } catch {
    return fail({ code: "malformed", reason: "its head is not JSON" });
  }
  const head = decodeWith(schema, value);
  return head.ok ? ok({ head: head.value, rest: bytes.subarray(end) }) : head;
}
