/**
 * The replicated state as bytes: a sequence of parts, each a length (4 bytes, big endian) and
 * msgpack. A head, then the rows of each table in slices, then the end with the number of parts.
 *
 * Invariants:
 *   S1. Canonical: rows sorted by id, keys sorted at every depth. A state grown by commands and the
 *       same state restored give the same bytes.
 *   S2. All or nothing: restoring decodes and checks everything before anything is replaced.
 *   S3. Slices can be encoded one by one, with other work in between: the rows were fixed when the
 *       snapshot was taken, and rows never change.
 */

import type { Cluster } from "@skein/common/model/cluster";
import { clusterSchema } from "@skein/common/model/cluster";
import type { Config } from "@skein/common/model/config";
import { configSchema } from "@skein/common/model/config";
import type { Network } from "@skein/common/model/network";
import { networkSchema } from "@skein/common/model/network";
import type { Node } from "@skein/common/model/node";
import { nodeSchema } from "@skein/common/model/node";
import type { Secret } from "@skein/common/model/secret";
import { secretSchema } from "@skein/common/model/secret";
import type { Service } from "@skein/common/model/service";
import { serviceSchema } from "@skein/common/model/service";
import type { Stack } from "@skein/common/model/stack";
import { stackSchema } from "@skein/common/model/stack";
import type { Slot, Task } from "@skein/common/model/task";
import { slotSchema, taskSchema } from "@skein/common/model/task";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { decode, encode } from "@skein/common/wire/codec";
import type { Decoded, DecodeError } from "@skein/common/wire/schema";
import { count, indexNumber } from "@skein/common/wire/schema";
import * as v from "valibot";
import { SNAPSHOT_SLICE_ROWS } from "../limits.ts";
import type { Answered } from "./requests.ts";
import { answeredSchema } from "./requests.ts";

const FORMAT = 1;
const LENGTH_BYTES = 4;

const partSchema = v.variant("part", [
  v.object({
    part: v.literal("head"),
    format: v.literal(FORMAT),
    index: indexNumber,
    time: count,
    addressCursor: count,
    cluster: v.exactOptional(clusterSchema),
  }),
  v.object({ part: v.literal("node"), rows: v.array(nodeSchema) }),
  v.object({ part: v.literal("service"), rows: v.array(serviceSchema) }),
  v.object({ part: v.literal("slot"), rows: v.array(slotSchema) }),
  v.object({ part: v.literal("task"), rows: v.array(taskSchema) }),
  v.object({ part: v.literal("config"), rows: v.array(configSchema) }),
  v.object({ part: v.literal("network"), rows: v.array(networkSchema) }),
  v.object({ part: v.literal("stack"), rows: v.array(stackSchema) }),
  v.object({ part: v.literal("secret"), rows: v.array(secretSchema) }),
  v.object({ part: v.literal("request"), rows: v.array(answeredSchema) }),
  v.object({ part: v.literal("end"), parts: count }),
]);
export type Part = Decoded<typeof partSchema>;

interface Rows<Row> {
  list(): readonly Row[];
}

/** What of a store goes into a snapshot, beside the answered requests. Lists are sorted by key. */
export interface SnapshotRows {
  readonly index: number;
  readonly time: number;
  readonly addressCursor: number;
  readonly cluster: Cluster | undefined;
  readonly nodes: Rows<Node>;
  readonly services: Rows<Service>;
  readonly slots: Rows<Slot>;
  readonly tasks: Rows<Task>;
  readonly configs: Rows<Config>;
  readonly networks: Rows<Network>;
  readonly stacks: Rows<Stack>;
  readonly secrets: Rows<Secret>;
}

/** Fixes the state now; the bytes are made part by part as the result is read (S3). */
export function snapshotSlices(
  view: SnapshotRows,
  requests: readonly Answered[],
): Iterable<Uint8Array> {
  const { index, time, addressCursor } = view;
  const cluster: { cluster?: Cluster } =
    view.cluster === undefined ? {} : { cluster: view.cluster };
  const parts = [
    { part: "head", format: FORMAT, index, time, addressCursor, ...cluster },
    ...slices("node", view.nodes.list()),
    ...slices("service", view.services.list()),
    ...slices("slot", view.slots.list()),
    ...slices("task", view.tasks.list()),
    ...slices("config", view.configs.list()),
    ...slices("network", view.networks.list()),
    ...slices("stack", view.stacks.list()),
    ...slices("secret", view.secrets.list()),
    ...slices("request", requests),
  ];
  return encodeParts([...parts, { part: "end", parts: parts.length }]);
}

export function concatBytes(slices: Iterable<Uint8Array>): Uint8Array {
  const list = [...slices];
  const whole = new Uint8Array(list.reduce((total, slice) => total + slice.length, 0));
  let at = 0;
  for (const slice of list) {
    whole.set(slice, at);
    at += slice.length;
  }
  return whole;
}

/** Every part but the end, whose count was checked; the first is the head. */
export function decodeSnapshot(bytes: Uint8Array): Result<readonly Part[], DecodeError> {
  const parts: Part[] = [];
  const lengths = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < bytes.length) {
    const from = at + LENGTH_BYTES;
    if (from > bytes.length) return malformed(`cut off in a length at byte ${at}`);
    at = from + lengths.getUint32(from - LENGTH_BYTES);
    if (at > bytes.length) return malformed(`cut off in a part at byte ${from}`);
    const part = decode(partSchema, bytes.subarray(from, at));
    if (!part.ok) return malformed(`part ${parts.length}: ${part.error.reason}`);
    parts.push(part.value);
  }
  return checkParts(parts);
}

function checkParts(parts: Part[]): Result<readonly Part[], DecodeError> {
  const end = parts.pop();
  if (end?.part !== "end") return malformed("the end is missing");
  if (end.parts !== parts.length) return malformed(`${parts.length} parts, not ${end.parts}`);
  const [head, ...rest] = parts;
  if (head?.part !== "head") return malformed("the head is missing");
  for (const part of rest) {
    if (part.part === "head" || part.part === "end") return malformed(`a second ${part.part}`);
  }
  return ok(parts);
}

function malformed(reason: string) {
  return fail<DecodeError>({ code: "malformed", reason });
}

function slices(part: string, rows: readonly unknown[]) {
  const parts = [];
  for (let at = 0; at < rows.length; at += SNAPSHOT_SLICE_ROWS) {
    parts.push({ part, rows: rows.slice(at, at + SNAPSHOT_SLICE_ROWS) });
  }
  return parts;
}

function* encodeParts(parts: readonly unknown[]): Iterable<Uint8Array> {
  for (const part of parts) {
    const body = encode(canonical(part));
    const framed = new Uint8Array(LENGTH_BYTES + body.length);
    new DataView(framed.buffer).setUint32(0, body.length);
    framed.set(body, LENGTH_BYTES);
    yield framed;
  }
}

/** A copy with sorted keys and without absent ones (S1); bytes stay as they are. */
function canonical(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(canonical);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, canonical(item)]));
}
