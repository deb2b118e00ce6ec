/** What is said on `/members`: a manager process announces itself, the leader answers. */
import type { RaftId } from "@skein/common/ids";
import type { Decoded } from "@skein/common/wire/schema";
import { id, shortText } from "@skein/common/wire/schema";
import * as v from "valibot";

export const announcementSchema = v.object({
  kind: v.literal("announce"),
  raftId: id<RaftId>(),
  /** Where this manager is dialled: the leader tries it before it believes it. */
  address: shortText,
});
export type Announcement = Decoded<typeof announcementSchema>;

export const announcementAnswerSchema = v.variant("kind", [
  /** In the store: the leader will connect, and bring the log. */
  v.object({ kind: v.literal("registered") }),
  /** Ask there. */
  v.object({ kind: v.literal("redirect"), leader: v.exactOptional(shortText) }),
  /** `final`: this Raft id has no future; else the same announcement may be heard later. */
  v.object({ kind: v.literal("refused"), reason: shortText, final: v.boolean() }),
]);
export type AnnouncementAnswer = Decoded<typeof announcementAnswerSchema>;

/**
 * Why a member is not talked to any more. Told as the reason of a refused connection, and read by
 * the one refused: it must not wait for an answer that never comes.
 */
export const EXPULSIONS = {
  removed: "[removed] this Raft member was removed from the cluster",
  "disk-lost": "[disk-lost] this Raft member lost its log: it must join again under another id",
} as const;
export type Expulsion = keyof typeof EXPULSIONS;

export function expulsionIn(reason: string): Expulsion | undefined {
  if (reason.includes("[removed]")) return "removed";
  return reason.includes("[disk-lost]") ? "disk-lost" : undefined;
}
