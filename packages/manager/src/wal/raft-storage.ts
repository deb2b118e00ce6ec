/**
 * Raft's durable state: a write-ahead log of batches and the snapshots it continues (thesis 3.8,
 * 5.1; docs/design/wal.md has the bytes).
 *
 * Invariants:
 *   W7. `done` of `persist` without an error means: everything handed over so far is durable, but
 *       for a commit index that moved alone.
 *   W8. One batch at a time is written and synced (W1-W6 in replay.ts and opening.ts rest on it).
 *       What is asked meanwhile becomes the next batch.
 *   W9. After a failed write or sync everything fails for ever: the kernel may have marked the
 *       pages clean that it could not write, so that a second sync would lie.
 *       A full disk is no such failure: the batch that found no space is written again, the same
 *       bytes at the same place, until it fits (segment-log.ts); what is asked meanwhile waits.
 *   W10. The log is kept from behind the older of the two snapshots, and longer if asked.
 */
import type { ClusterId, LogIndex, RaftId } from "@skein/common/ids";
import type { Clock } from "@skein/common/io/clock";
import type { Disk } from "@skein/common/io/disk";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Random } from "@skein/common/io/random";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Crc32 } from "@skein/common/wire/crc32";
import { crc32 } from "@skein/common/wire/crc32";
import { WAL_SEGMENT_BYTES } from "../limits.ts";
import type { Configuration, RaftEffect, RaftRecovered, SnapshotMeta } from "../raft/protocol.ts";
import { LogFiles } from "./log-files.ts";
import { LogStorage } from "./log-storage.ts";
import type { Recovery } from "./recovery.ts";
import { recover } from "./recovery.ts";
import type { StorageError } from "./storage-error.ts";
import { diskFailure } from "./storage-error.ts";

export type { StorageError } from "./storage-error.ts";

export type PersistEffect = Extract<RaftEffect, { readonly kind: "persist" }>;

export interface RaftStorage {
  /**
   * Makes the effects durable, in their order, with one sync. `done` may be called synchronously.
   */
  persist(batch: readonly PersistEffect[], done: (error: string | undefined) => void): void;
  /**
   * To be called, and done, before Raft hears of a received snapshot. An older one changes nothing.
   */
  saveSnapshot(
    meta: SnapshotMeta,
    state: Uint8Array,
    done: (error: string | undefined) => void,
  ): void;
  /** The newest one; `no-snapshot` while the log reaches back to the beginning. */
  readSnapshot(
    done: (
      result: Result<{ readonly meta: SnapshotMeta; readonly state: Uint8Array }, StorageError>,
    ) => void,
  ): void;
  /** Entries before `keepFrom` may go, whole segments at a time (W10). */
  compact(keepFrom: LogIndex): void;
  /** Whether there is room for what will be asked. */
  readonly space: LogSpace;
  /** `changed` is called whenever `space` is another one. One listener; none before. */
  watchSpace(changed: (space: LogSpace) => void): void;
  /** Tries again what found no space; to be called now and then while it is not `enough`. */
  retrySpace(): void;
  /** Finishes what is under way. Everything later fails. */
  close(done: () => void): void;
}

/**
 * `short`: the disk has no room for the next segment and the one in use is nearly full: only what
 * keeps the cluster going should be asked. `none`: a batch waits for space.
 */
export type LogSpace = "enough" | "short" | "none";

export interface RaftStorageOptions {
  readonly disk: Disk;
  /** Relative to the disk's root; made when missing, its parent must exist. */
  readonly directory: string;
  readonly clusterId: ClusterId;
  readonly raftId: RaftId;
  /** The configuration that an empty directory begins with. A log that exists ignores it. */
  readonly bootstrap?: Configuration;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Finer than the clock: a sync on a fast disk takes a fraction of a millisecond. */
  readonly stopwatch?: () => number;
  /** A faster one with the same sums, such as zlib's. */
  readonly crc32?: Crc32;
  readonly segmentBytes?: number;
}

export interface OpenedRaftStorage {
  readonly storage: RaftStorage;
  readonly recovered: RaftRecovered;
  /** The content of `recovered.snapshot`; absent at index 0. */
  readonly state?: Uint8Array;
}

/**
 * Recovers what is there, refuses what cannot be trusted, and makes the log ready for appending.
 */
export function openRaftStorage(
  options: RaftStorageOptions,
  done: (result: Result<OpenedRaftStorage, StorageError>) => void,
): void {
  const { disk, directory, clusterId, raftId, bootstrap, log, metrics } = options;
  const owner = { clusterId, raftId };
  const files = new LogFiles({ disk, directory, owner, crc32: options.crc32 ?? crc32 });
  recover({ files, log, metrics, ...(bootstrap && { bootstrap }) }, (result) => {
    if (!result.ok) return done(result);
    start(options, files, result.value, done);
  });
}

function start(
  options: RaftStorageOptions,
  files: LogFiles,
  recovery: Recovery,
  done: (result: Result<OpenedRaftStorage, StorageError>) => void,
): void {
  const { random, clock, metrics, log, stopwatch } = options;
  const segmentBytes = options.segmentBytes ?? WAL_SEGMENT_BYTES;
  const rest = stopwatch === undefined ? {} : { stopwatch };
  const storage = new LogStorage(
    { files, segmentBytes, random, clock, metrics, log, ...rest },
    recovery,
  );
  storage.start(recovery.opening.first, (error) => {
    if (error !== undefined) return done(fail(diskFailure("begin a segment of the log", error)));
    const { recovered } = recovery.opening;
    const { state } = recovery;
    done(ok({ storage, recovered, ...(state && { state }) }));
  });
}
