/**
 * Inputs, effects and messages of the Raft machine (Ongaro's thesis; section numbers at each
 * message). The machine sees no bytes of the wire, no disk and no clock: messages are values, time
 * is an argument.
 */
import type { LogIndex, RaftId, Term } from "@skein/common/ids";
import type { Decoded } from "@skein/common/wire/schema";
import {
  bytes,
  count,
  flag,
  id,
  indexNumber,
  shortText,
  termNumber,
} from "@skein/common/wire/schema";
import * as v from "valibot";

export const entrySchema = v.object({
  index: indexNumber,
  term: termNumber,
  /** `noop`: a leader's first entry. `config`: a `Configuration`, in effect at append. */
  kind: v.picklist(["command", "config", "noop"]),
  data: bytes,
});
export type Entry = Decoded<typeof entrySchema>;

/** Term and vote are one record, durable before any message that depends on them. */
export interface HardState {
  readonly term: Term;
  readonly votedFor?: RaftId;
  readonly commit: LogIndex;
}

const members = v.array(id<RaftId>());
/** Sorted by id. `outgoing` is present while joint (thesis 4.3). */
export const configurationSchema = v.object({
  voters: members,
  outgoing: v.exactOptional(members),
  learners: members,
  /**
   * "address:port" and node of every member, so that a manager can dial those it learns of here.
   * `incarnation`: drawn by that member when it began its log; another one under the same id is a
   * member that lost its disk, and with it its votes and what it acknowledged.
   */
  addresses: v.record(
    v.string(),
    v.object({
      nodeId: shortText,
      address: shortText,
      incarnation: v.exactOptional(shortText),
    }),
  ),
  /** Tombstones: ids that were members once and never will be again. Oldest first. */
  removed: v.exactOptional(members),
});
export type Configuration = Decoded<typeof configurationSchema>;

/** A snapshot covers the log up to `index`; `configuration` is the one in effect there. */
export const snapshotMetaSchema = v.object({
  index: indexNumber,
  term: termNumber,
  configuration: configurationSchema,
});
export type SnapshotMeta = Decoded<typeof snapshotMetaSchema>;

const lastLog = { lastIndex: indexNumber, lastTerm: termNumber };
export const raftMessageSchema = v.variant("kind", [
  /**
   * Pre-vote (thesis 9.6): `term` is the one the sender would campaign for. `force`: the sender saw
   * the leader's process go, which shortens the receiver's vote lease but does not override it.
   */
  v.object({ kind: v.literal("pre-vote"), term: termNumber, ...lastLog, force: flag }),
  v.object({ kind: v.literal("pre-vote-response"), term: termNumber, granted: flag }),
  /** RequestVote (3.4). `force`: leadership transfer (3.10), or a forced pre-vote that was won. */
  v.object({ kind: v.literal("vote"), term: termNumber, ...lastLog, force: flag }),
  v.object({ kind: v.literal("vote-response"), term: termNumber, granted: flag }),
  /** AppendEntries (3.5). */
  v.object({
    kind: v.literal("append"),
    term: termNumber,
    prevIndex: indexNumber,
    prevTerm: termNumber,
    commit: indexNumber,
    entries: v.array(entrySchema),
  }),
  v.object({
    kind: v.literal("append-response"),
    term: termNumber,
    accepted: flag,
    /** Accepted: last index verified equal to the leader's. Rejected: the `prevIndex` refused. */
    index: indexNumber,
    /** Rejected: where to look next (last index at or below `prevIndex` whose term may match). */
    hintIndex: indexNumber,
    hintTerm: termNumber,
  }),
  /**
   * Heartbeat with the number of the read round it confirms (6.4); `commit` <= what matches there.
   */
  v.object({ kind: v.literal("heartbeat"), term: termNumber, commit: indexNumber, round: count }),
  v.object({ kind: v.literal("heartbeat-response"), term: termNumber, round: count }),
  /** Leadership transfer: campaign at once (3.10). */
  v.object({ kind: v.literal("timeout-now"), term: termNumber }),
  /** A follower's question for a read index, and the leader's answer (6.4). */
  v.object({ kind: v.literal("read-index"), term: termNumber, id: count }),
  v.object({
    kind: v.literal("read-index-response"),
    term: termNumber,
    id: count,
    index: v.exactOptional(indexNumber),
  }),
]);
export type RaftMessage = Decoded<typeof raftMessageSchema>;
export type MessageOf<Kind extends RaftMessage["kind"]> = Extract<
  RaftMessage,
  { readonly kind: Kind }
>;

export type RaftRole = "follower" | "pre-candidate" | "candidate" | "leader";

/** Why a proposal or a read is refused before anything was appended. */
export type RaftRefusal =
  /** This member is not the leader. */
  | "not-leader"
  /** The leader lost contact with a quorum: it refuses before it appends. */
  | "no-quorum"
  /** Too many uncommitted bytes or proposals. */
  | "overloaded"
  /** A leadership transfer is under way. */
  | "transferring";

export interface Proposal {
  readonly token: number;
  readonly data: Uint8Array;
}

/** What a change makes of one member. Every change of voters goes through a joint configuration. */
export type MemberChange =
  /** Nobody's id yet: it receives the log and counts for nothing. */
  | {
      readonly kind: "add-learner";
      readonly id: RaftId;
      readonly nodeId: string;
      readonly address: string;
      readonly incarnation?: string;
    }
  /** A learner that has caught up becomes a voter. */
  | { readonly kind: "promote"; readonly id: RaftId }
  /** A voter becomes a learner. */
  | { readonly kind: "demote"; readonly id: RaftId }
  /** A member goes, for good: its id is never taken again. */
  | { readonly kind: "remove"; readonly id: RaftId }
  /** What a member says of itself: where it is dialled, which life of its log it is in. */
  | {
      readonly kind: "describe";
      readonly id: RaftId;
      readonly address: string;
      readonly incarnation?: string;
    };

/** Why a change of the configuration is refused before it was appended. */
export type ChangeRefusal =
  | RaftRefusal
  /** This leader has not committed an entry of its own term yet: try again at once. */
  | "not-ready"
  /** Another change is not committed, or the configuration is joint. */
  | "change-pending"
  | "unknown-member"
  /** It is what the change would make of it. */
  | "no-change"
  /** The id was a member's once. */
  | "removed-member"
  /** The learner's log is too far behind, or it is not heard. */
  | "not-caught-up"
  | "last-voter"
  /** Too few of the voters that would remain are heard: the cluster would stand still. */
  | "would-lose-quorum"
  | "too-many-members";

export type RaftInput =
  | { readonly kind: "receive"; readonly from: RaftId; readonly message: RaftMessage }
  /** `token` comes back in `appended` or `refused`. */
  | ({ readonly kind: "propose" } & Proposal)
  /** Several in one step: they share one append to each peer and one write to the disk. */
  | { readonly kind: "propose-all"; readonly proposals: readonly Proposal[] }
  /** `token` comes back in `appended` (it is in effect from then on) or `change-refused`. */
  | { readonly kind: "change"; readonly token: number; readonly change: MemberChange }
  /**
   * A linearizable read: answered by `read-ready` when `index` is safe to read at, or `refused`.
   */
  | { readonly kind: "read"; readonly token: number }
  /** The first `upTo` persist effects are durable. */
  | { readonly kind: "persisted"; readonly upTo: number }
  /** The connection to this peer closed and one re-dial was refused: the process is gone. */
  | { readonly kind: "peer-gone"; readonly peer: RaftId }
  /** The link to this peer is new: whatever was in flight may be lost. */
  | { readonly kind: "peer-linked"; readonly peer: RaftId }
  /**
   * The state machine's snapshot up to `meta.index` is durable here: the log may be cut before it.
   */
  | { readonly kind: "compact"; readonly meta: SnapshotMeta; readonly keepFrom: LogIndex }
  /**
   * A complete snapshot arrived from the leader of `term`; answered by `install-snapshot` or
   * nothing.
   */
  | {
      readonly kind: "snapshot-received";
      readonly from: RaftId;
      readonly term: Term;
      readonly meta: SnapshotMeta;
    }
  /** The transfer asked for by `send-snapshot` ended. */
  | { readonly kind: "snapshot-sent"; readonly to: RaftId; readonly delivered: boolean }
  /** Hand leadership to `to` (or the most advanced voter): on graceful stop. */
  | { readonly kind: "transfer"; readonly to?: RaftId };

export type RaftEffect =
  /**
   * Write, as one record group, in this order: term and vote, then entries (an entry at an index
   * that exists replaces it and everything behind). A commit-only change needs no sync of its own
   * and rides along.
   */
  | {
      readonly kind: "persist";
      readonly hardState: HardState;
      readonly entries: readonly Entry[];
      /** Present after `install-snapshot`: the log restarts behind it. */
      readonly snapshot?: SnapshotMeta;
    }
  /** `after-durable`: leaves only when every persist effect before it is durable (D2). */
  | {
      readonly kind: "send";
      readonly to: RaftId;
      readonly message: RaftMessage;
      readonly timing: "now" | "after-durable";
    }
  /** Apply these, in order. Committed, and durable here. Given once each. */
  | { readonly kind: "apply"; readonly entries: readonly Entry[] }
  /**
   * Replace the state machine's state by the received snapshot; later `apply` continues behind it.
   */
  | { readonly kind: "install-snapshot"; readonly meta: SnapshotMeta }
  /**
   * This peer needs the snapshot: send the newest one over its own connection, in the name of this
   * term: by the time it leaves, this member may be a follower of a later one.
   */
  | { readonly kind: "send-snapshot"; readonly to: RaftId; readonly term: Term }
  | {
      readonly kind: "appended";
      readonly token: number;
      readonly index: LogIndex;
      readonly term: Term;
    }
  | { readonly kind: "refused"; readonly token: number; readonly reason: RaftRefusal }
  | { readonly kind: "change-refused"; readonly token: number; readonly reason: ChangeRefusal }
  | { readonly kind: "read-ready"; readonly token: number; readonly index: LogIndex }
  /**
   * Role, term or known leader changed. `ready`: a leader that has applied its own term's no-op.
   */
  | {
      readonly kind: "role";
      readonly role: RaftRole;
      readonly term: Term;
      readonly leader?: RaftId;
      readonly ready: boolean;
    }
  /** The effective configuration changed: connect to these. */
  | { readonly kind: "configuration"; readonly configuration: Configuration };

/**
 * What recovery from disk hands to `createRaft`. Entries are contiguous and start behind the
 * snapshot.
 */
export interface RaftRecovered {
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta;
  readonly entries: readonly Entry[];
}
