/**
 * What recovery decides once log and snapshot are read. Pure.
 *
 * Invariants:
 *   W4. Raft gets entries that are contiguous and start behind the snapshot; commit lies between
 *       snapshot and last entry.
 *   W5. Raft gets nothing that only the page cache knows: an earlier process may have died before
 *       its last sync, or of it. So the last batch is written again, where it lies, and synced
 *       (batches before it were), and so are the names. Then the log goes on in a new segment.
 *   W6. A snapshot that is further than the log replaces it: it came from a leader, and the process
 *       died before Raft could say so. A committed entry is never given up that way.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex } from "@skein/common/ids";
import { logIndex, term } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Configuration, HardState, RaftRecovered, SnapshotMeta } from "../raft/protocol.ts";
import type { FilePart } from "./log-files.ts";
import type { LogFold } from "./log-fold.ts";
import type { LogPosition } from "./record.ts";
import { hardStateRecord, restartRecord } from "./record.ts";
import type { ReplayedLog, SegmentBody } from "./replay.ts";
import { Retention } from "./retention.ts";
import type { LogBatch, SegmentTail } from "./segment-log.ts";
import type { StorageError } from "./storage-error.ts";
import { corrupt } from "./storage-error.ts";

export interface Opening {
  readonly recovered: RaftRecovered;
  /** The batch that the new segment begins with, and where the log stands behind it. */
  readonly first: LogBatch;
  readonly end: LogPosition;
  readonly tail: SegmentTail;
  readonly retention: Retention;
  /**
   * The end of the last segment (W5). The file is cut behind it, which gives prepared space back.
   */
  readonly rewrite: FilePart | undefined;
}

/** The log of a new cluster, or of a member that the first snapshot will teach. */
export function openingOfNew(configuration: Configuration): Opening {
  const beginning: LogPosition = { index: logIndex(0), term: term(0) };
  const snapshot: SnapshotMeta = { ...beginning, configuration };
  const hardState: HardState = { term: term(0), commit: logIndex(0) };
  const records = [restartRecord(snapshot), hardStateRecord(hardState)];
  return {
    recovered: { hardState, snapshot, entries: [] },
    first: { records, before: beginning },
    end: beginning,
    tail: { sequence: 0, salt: 0, nextBatch: 1 },
    retention: new Retention(),
    rewrite: undefined,
  };
}

/** Joins the log and the newest snapshot that could be read. */
export function openingOf(
  log: ReplayedLog,
  saved: SnapshotMeta | undefined,
): Result<Opening, StorageError> {
  const { fold, tail } = log;
  const { file, content, lastBatch } = tail;
  const refuse = (reason: string) => fail(corrupt(file.path, reason));
  const snapshot = saved ?? beginningOf(fold);
  if (snapshot === undefined) return refuse("no snapshot that it begins with is readable");
  if (fold.base > snapshot.index) {
    return refuse(`the log begins behind ${fold.base}, the snapshot ends at ${snapshot.index}`);
  }
  const { commit } = fold.hardState;
  const continues = reaches(fold, snapshot);
  if (!continues && commit >= snapshot.index) {
    return refuse(`its committed entry ${snapshot.index} is not the snapshot's`);
  }
  const entries = continues ? fold.entriesBehind(snapshot.index) : [];
  const last = snapshot.index + entries.length;
  if (commit > last) return refuse(`entry ${commit} was committed, the log ends at ${last}`);
  const hardState = raised(fold.hardState, snapshot);
  assert(hardState.commit <= last, `commit ${hardState.commit} > last ${last}`);
  const anew = continues ? [] : [restartRecord(snapshot)];
  const records = [...anew, hardStateRecord(hardState)];
  return ok({
    recovered: { hardState, snapshot, entries },
    first: { records, before: fold.end },
    end: entries.at(-1) ?? snapshot,
    tail: { sequence: file.sequence, salt: content.header.salt, nextBatch: lastBatch.batch + 1 },
    retention: fold.retention,
    rewrite: lastPartOf(tail),
  });
}

/** The last batch; with the header, if it is the first. */
function lastPartOf({ file, content, lastBatch }: SegmentBody): FilePart {
  const position = content.batches.length === 1 ? 0 : lastBatch.start;
  return { name: file.name, position, bytes: file.bytes.subarray(position, lastBatch.end) };
}

/** The configuration that the log began with, while all of the log is there. */
function beginningOf(fold: LogFold): SnapshotMeta | undefined {
  return fold.restart?.index === 0 ? fold.restart : undefined;
}

function reaches(fold: LogFold, snapshot: SnapshotMeta): boolean {
  if (fold.last < snapshot.index) return false;
  const known = fold.termAt(snapshot.index);
  return known === undefined || known === snapshot.term;
}

/** What the snapshot proves: its term was seen, and its entries are committed. */
function raised(state: HardState, snapshot: SnapshotMeta): HardState {
  const commit: LogIndex = snapshot.index > state.commit ? snapshot.index : state.commit;
  if (snapshot.term > state.term) return { term: snapshot.term, commit };
  return { ...state, commit };
}
