/** Envelopes as log entries. */
import type { Result } from "@skein/common/result";
import { decode, encode } from "@skein/common/wire/codec";
import type { Decoded, DecodeError } from "@skein/common/wire/schema";
import { count } from "@skein/common/wire/schema";
import * as v from "valibot";
import type { Envelope } from "./command.ts";
import { envelopeSchema } from "./command.ts";

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return encode(envelope);
}

export function decodeEnvelope(bytes: Uint8Array): Result<Envelope, DecodeError> {
  return decode(envelopeSchema, bytes);
}

/** The part of an envelope that every version can read. */
const headerSchema = v.object({ version: count, time: count, wall: count });
export type EnvelopeHeader = Decoded<typeof headerSchema>;

export function decodeHeader(bytes: Uint8Array): Result<EnvelopeHeader, DecodeError> {
  return decode(headerSchema, bytes);
}
