/**
 * What members say on `/gossip`. Either side dials; both begin with `hello`.
 *
 * hello            who I am now, and a hash of what I know
 * ping, ack        is it there; an ack carries the hash, so that differences are noticed
 * ping-req, nack   probe somebody for me; "no answer yet, but I am here"
 * news             statements on members and deltas of namespaces, passed on once
 * digest           versions of everything, row by row; answered with what the other lacks
 * have, graft,     the broadcast tree of large clusters: announced here, please send, please only
 * prune            announce
 */
import * as v from "valibot";
import type { NodeId } from "../ids.ts";
import {
  GOSSIP_DELTA_CHARACTERS_MAX,
  GOSSIP_ROWS_MAX,
  GOSSIP_VALUE_CHARACTERS_MAX,
} from "../limits.ts";
import type { Decoded } from "./schema.ts";
import { count, flag, id, shortText } from "./schema.ts";

export const GOSSIP_VERSION = 1;

const rows = <S extends v.GenericSchema>(row: S) =>
  v.pipe(v.array(row), v.maxLength(GOSSIP_ROWS_MAX));

/** Two 32-bit lanes; equal on members that know the same. */
const rootSchema = v.strictTuple([count, count]);

export const statementSchema = v.object({
  subject: id<NodeId>(),
  /** Start of the process that is spoken of (wall milliseconds), and its refutations since. */
  epoch: count,
  round: count,
  state: v.picklist(["alive", "suspect", "dead"]),
  /** Who saw it; absent in what is only passed on. */
  observer: v.exactOptional(id<NodeId>()),
  evidence: v.exactOptional(v.picklist(["silent", "refused", "left"])),
});
export type Statement = Decoded<typeof statementSchema>;

export const recordSchema = v.object({
  key: shortText,
  /** Absent: deleted. */
  value: v.exactOptional(v.pipe(v.string(), v.maxLength(GOSSIP_VALUE_CHARACTERS_MAX))),
  seq: count,
});
export type GossipRecord = Decoded<typeof recordSchema>;

/** Everything the owner wrote after `base` and up to `to`; base 0 is the whole namespace. */
export const deltaSchema = v.object({
  owner: id<NodeId>(),
  epoch: count,
  base: count,
  to: count,
  records: rows(recordSchema),
});
export type Delta = Decoded<typeof deltaSchema>;

/** Owner, epoch and sequence of its namespace. */
export const versionRowSchema = v.strictTuple([id<NodeId>(), count, count]);
export type VersionRow = Decoded<typeof versionRowSchema>;

/** A version row, then the member's epoch, round, and 1 when it is dead. */
export const digestRowSchema = v.strictTuple([id<NodeId>(), count, count, count, count, count]);
export type DigestRow = Decoded<typeof digestRowSchema>;

export const gossipMessageSchema = v.variant("kind", [
  v.object({
    kind: v.literal("hello"),
    version: count,
    epoch: count,
    round: count,
    root: rootSchema,
  }),
  v.object({
    kind: v.literal("ping"),
    seq: count,
    /** The asked is suspected: it may refute at once. */
    suspected: v.exactOptional(v.object({ epoch: count, round: count })),
  }),
  v.object({ kind: v.literal("ack"), seq: count, root: rootSchema, health: count }),
  v.object({ kind: v.literal("ping-req"), seq: count, subject: id<NodeId>() }),
  v.object({ kind: v.literal("nack"), seq: count }),
  v.object({
    kind: v.literal("news"),
    statements: rows(statementSchema),
    deltas: rows(deltaSchema),
  }),
  v.object({ kind: v.literal("digest"), rows: rows(digestRowSchema), answer: flag }),
  v.object({ kind: v.literal("have"), rows: rows(versionRowSchema) }),
  v.object({ kind: v.literal("graft"), rows: rows(versionRowSchema) }),
  v.object({ kind: v.literal("prune") }),
]);
export type GossipMessage = Decoded<typeof gossipMessageSchema>;
export type GossipMessageKind = GossipMessage["kind"];

/** A message of deltas is cut at this length, so that no frame holds up a ping for long. */
export function splitDeltas(deltas: readonly Delta[]): readonly (readonly Delta[])[] {
  const messages: Delta[][] = [];
  let room = 0;
  for (const delta of deltas) {
    const size = sizeOfDelta(delta);
    let last = messages.at(-1);
    if (last === undefined || size > room) {
      last = [];
      messages.push(last);
      room = GOSSIP_DELTA_CHARACTERS_MAX;
    }
    last.push(delta);
    room -= size;
  }
  return messages;
}

function sizeOfDelta({ records }: Delta): number {
  let size = 64;
  for (const { key, value } of records) size += 32 + key.length + (value?.length ?? 0);
  return size;
}
