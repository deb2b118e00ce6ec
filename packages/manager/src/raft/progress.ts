/**
 * What a leader knows of one peer's log (thesis 3.5 and 10.2.1): where it matches, what is on its
 * way.
 *
 *   probe      where the logs meet is not known: one append at a time, waiting for the answer
 *   replicate  they meet at `match`: appends stream, `next` runs ahead, bounded by the window
 *   snapshot   what the peer needs is compacted away: a snapshot is on its way, appends wait
 *
 * Invariants:
 *   P1. `match` never decreases while this leader leads; `next` > `match`.
 *   P2. The window never holds more than its bound of messages; past its byte bound nothing is
 *       added.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex } from "@skein/common/ids";
import { logIndex } from "@skein/common/ids";
import type { Instant } from "@skein/common/time";
import { toIndex } from "./log.ts";

interface Inflight {
  readonly last: LogIndex;
  readonly bytes: number;
  readonly sentAt: Instant;
}

export type ProgressState = "probe" | "replicate" | "snapshot";

export interface Progress {
  state: ProgressState;
  match: LogIndex;
  next: LogIndex;
  /**
   * Probe: an append is unanswered, or a snapshot was not delivered; a heartbeat's answer ends it.
   */
  paused: boolean;
  /** Replicate: unanswered appends, oldest first. */
  inflight: Inflight[];
  inflightBytes: number;
  /** Snapshot: the index it covers. The log behind it is kept until the transfer ended. */
  snapshotIndex: LogIndex | undefined;
  /** The highest commit index this peer was told. */
  commitTold: LogIndex;
  /** The newest heartbeat round this peer answered (6.4). */
  round: number;
  /** When this peer was last heard in this term; absent: never, or its process is gone. */
  contactAt: Instant | undefined;
}

export interface WindowLimits {
  readonly inflightMax: number;
  readonly inflightBytesMax: number;
}

export function createProgress(last: LogIndex, contactAt: Instant | undefined): Progress {
  return {
    state: "probe",
    match: logIndex(0),
    next: toIndex(last + 1),
    paused: false,
    inflight: [],
    inflightBytes: 0,
    snapshotIndex: undefined,
    commitTold: logIndex(0),
    round: 0,
    contactAt,
  };
}

export function becomeProbe(peer: Progress, next: LogIndex): void {
  reset(peer, "probe");
  peer.next = next > peer.match ? next : toIndex(peer.match + 1); // P1
}

export function becomeReplicate(peer: Progress): void {
  reset(peer, "replicate");
  peer.next = toIndex(peer.match + 1);
}

export function becomeSnapshot(peer: Progress, index: LogIndex): void {
  reset(peer, "snapshot");
  peer.snapshotIndex = index;
}

/** The peer acknowledged everything up to `index`. */
export function acknowledge(peer: Progress, index: LogIndex): void {
  if (index > peer.match) peer.match = index;
  if (peer.next <= peer.match) peer.next = toIndex(peer.match + 1);
  let done = 0;
  for (const sent of peer.inflight) {
    if (sent.last > index) break;
    peer.inflightBytes -= sent.bytes;
    done += 1;
  }
  peer.inflight.splice(0, done);
  assert(peer.next > peer.match, `next ${peer.next} <= match ${peer.match}`);
}

/** An append left that ends at `last`. */
export function noteSent(peer: Progress, sent: Inflight): void {
  if (peer.state === "probe") {
    peer.paused = true;
    return;
  }
  assert(peer.state === "replicate", `an append left in state ${peer.state}`);
  peer.next = toIndex(sent.last + 1);
  peer.inflight.push(sent);
  peer.inflightBytes += sent.bytes;
}

export function windowFull(peer: Progress, limits: WindowLimits): boolean {
  return (
    peer.inflight.length >= limits.inflightMax || peer.inflightBytes >= limits.inflightBytesMax
  );
}

/**
 * Gives back the oldest place of the window: its append may be lost, and nothing else would tell.
 */
export function releaseOldest(peer: Progress): void {
  const oldest = peer.inflight.shift();
  if (oldest !== undefined) peer.inflightBytes -= oldest.bytes;
}

function reset(peer: Progress, state: ProgressState): void {
  peer.state = state;
  peer.paused = false;
  peer.inflight = [];
  peer.inflightBytes = 0;
  peer.snapshotIndex = undefined;
}
