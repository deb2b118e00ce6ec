/**
 * What recovery decides once log and snapshot are read. Pure.
 *
 * A log is continued in a new segment whose first batch repeats the last one and the hard state: nothing
 * that is trusted from now on depends on bytes that an earlier process failed to sync and that only the
 * page cache still shows.
 *
 * Invariants of what is handed to Raft:
 *   W4. Entries are contiguous and start behind the snapshot; commit lies between snapshot and last entry.
 *   W5. A snapshot that is further than the log replaces it: it came from a leader, and the process died
 *       before Raft could say so. A committed entry is never given up that way.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex } from "@skein/common/ids";
import { logIndex, term } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Configuration, HardState, RaftRecovered, SnapshotMeta } from "../raft/protocol.ts";
import type { LogFold } from "./log-fold.ts";
import type { LogPosition } from "./record.ts";
import { hardStateRecord, restartRecord } from "./record.ts";
import type { ReplayedLog } from "./replay.ts";
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
  /** A prepared segment that can be cut to what it holds, to give its space back. */
  readonly trim: { readonly name: string; readonly bytes: number } | undefined;
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
    trim: undefined,
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
  const records = [...lastBatch.records, ...anew, hardStateRecord(hardState)];
  return ok({
    recovered: { hardState, snapshot, entries },
    first: { records, before: fold.beforeLastBatch },
    end: entries.at(-1) ?? snapshot,
    tail: { sequence: file.sequence, salt: content.header.salt, nextBatch: lastBatch.batch },
    retention: fold.retention,
    trim: file.size > content.end ? { name: file.name, bytes: content.end } : undefined,
  });
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
