/**
 * Reads a log directory and begins its next segment. The decisions are in replay.ts and opening.ts.
 */
import type { DiskError, DiskFile } from "@skein/common/io/disk";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Configuration } from "../raft/protocol.ts";
import type { LogFiles } from "./log-files.ts";
import type { Opening } from "./opening.ts";
import { openingOf, openingOfNew } from "./opening.ts";
import type { ReplayedLog, SegmentFile } from "./replay.ts";
import { replay } from "./replay.ts";
import { readSegment, segmentSequence } from "./segment.ts";
import type { Snapshot } from "./snapshot-file.ts";
import { readSnapshot, TEMPORARY_SUFFIX } from "./snapshot-file.ts";
import type { SnapshotName } from "./snapshot-trailer.ts";
import { parseSnapshotName } from "./snapshot-trailer.ts";
import type { StorageError } from "./storage-error.ts";
import { corrupt, diskFailure } from "./storage-error.ts";

export interface RecoveryOptions {
  readonly files: LogFiles;
  readonly bootstrap?: Configuration;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Recovery {
  readonly opening: Opening;
  readonly state: Uint8Array | undefined;
  /** The snapshot file before the one that was read: 0 when there is none. */
  readonly previousSnapshot: number;
}

type Recovered = (result: Result<Recovery, StorageError>) => void;

/** Changes nothing unless all is well; then it repairs what a crash left half done. */
export function recover(options: RecoveryOptions, done: Recovered): void {
  new Recoverer(options, done).run();
}

class Recoverer {
  readonly #options: RecoveryOptions;
  readonly #files: LogFiles;
  readonly #done: Recovered;
  readonly #segments: SegmentFile[] = [];

  constructor(options: RecoveryOptions, done: Recovered) {
    this.#options = options;
    this.#files = options.files;
    this.#done = done;
  }

  run(): void {
    this.#files.prepare((error) => {
      if (error !== undefined) return this.#failed("make the log directory", error);
      this.#files.list((unlisted, names) => {
        if (unlisted !== undefined) return this.#failed("list the log directory", unlisted);
        this.#readSegments(names, 0);
      });
    });
  }

  #readSegments(names: readonly string[], from: number): void {
    // The names are sorted, and their numbers of fixed width: so are the sequences.
    const place = names.findIndex((name, at) => at >= from && segmentSequence(name) !== undefined);
    const name = names[place];
    if (name === undefined) return this.#replay(names);
    this.#readFile(name, (bytes) => {
      const { owner, crc32 } = this.#files;
      const path = this.#files.pathOf(name);
      const content = readSegment({ file: path, bytes, owner, crc32 });
      if (!content.ok) return this.#done(content);
      const sequence = segmentSequence(name) ?? 0;
      this.#segments.push({ name, path, sequence, bytes, content: content.value });
      this.#readSegments(names, place + 1);
    });
  }

  #replay(names: readonly string[]): void {
    const replayed = replay(this.#segments);
    if (!replayed.ok) return this.#done(replayed);
    const snapshots = names.map(parseSnapshotName).filter((name) => name !== undefined);
    const log = replayed.value;
    if (log === undefined) return this.#begin(names, snapshots);
    if (log.torn !== undefined) {
      // Never acknowledged, or the disk lost it: with one sync per batch nothing tells the two
      // apart.
      this.#options.log.write("warn", "the log's last batch is incomplete and is dropped", {
        file: log.tail.file.path,
        reason: log.torn,
      });
      this.#options.metrics.count("skein_wal_torn_tails_total");
    }
    this.#readSnapshots(log, names, snapshots.toReversed());
  }

  #begin(names: readonly string[], snapshots: readonly SnapshotName[]): void {
    const { bootstrap } = this.#options;
    const [snapshot] = snapshots;
    if (snapshot !== undefined) {
      return this.#done(fail(corrupt(this.#files.pathOf(snapshot.name), "its log is missing")));
    }
    if (bootstrap === undefined) {
      const where = this.#files.pathOf("");
      const message = `Cannot open the Raft log in ${where}: there is none; init or join a cluster`;
      return this.#done(fail({ code: "no-log", message }));
    }
    const opening = openingOfNew(bootstrap);
    this.#clean(names, { opening, state: undefined, previousSnapshot: 0 });
  }

  /** Newest first, until one is sound. */
  #readSnapshots(
    log: ReplayedLog,
    names: readonly string[],
    candidates: readonly SnapshotName[],
  ): void {
    const [candidate, ...older] = candidates;
    if (candidate === undefined) return this.#open(log, names, undefined, 0);
    readSnapshot(this.#files, candidate.name, (result) => {
      if (result.ok) return this.#open(log, names, result.value, older[0]?.index ?? 0);
      if (result.error.code !== "corrupt") return this.#done(result);
      this.#options.log.write("error", "a snapshot is damaged, the one before is tried", {
        reason: result.error.message,
      });
      this.#options.metrics.count("skein_snapshots_damaged_total");
      this.#readSnapshots(log, names, older);
    });
  }

  #open(
    log: ReplayedLog,
    names: readonly string[],
    snapshot: Snapshot | undefined,
    previousSnapshot: number,
  ): void {
    const opening = openingOf(log, snapshot?.meta);
    if (!opening.ok) return this.#done(opening);
    this.#clean(names, { opening: opening.value, state: snapshot?.state, previousSnapshot });
  }

  #clean(names: readonly string[], recovery: Recovery): void {
    const temporary = names.filter((name) => name.endsWith(TEMPORARY_SUFFIX));
    this.#files.removeAll(temporary, (error) => {
      if (error !== undefined) return this.#failed("remove an unfinished snapshot", error);
      this.#settle(recovery);
    });
  }

  /** W5: what was read may be in the page cache alone. */
  #settle(recovery: Recovery): void {
    const { rewrite } = recovery.opening;
    const syncNames = () =>
      this.#files.syncNames((error) => {
        if (error !== undefined) return this.#failed("sync the log directory", error);
        this.#done(ok(recovery));
      });
    if (rewrite === undefined) return syncNames();
    const what = `write again the last batch of ${this.#files.pathOf(rewrite.name)}`;
    this.#files.rewrite(rewrite, (error) => {
      if (error !== undefined) return this.#failed(what, error);
      syncNames();
    });
  }

  #readFile(name: string, done: (bytes: Uint8Array) => void): void {
    const what = `read ${this.#files.pathOf(name)}`;
    this.#files.open(name, "read", (error, file) => {
      if (error !== undefined) return this.#failed(what, error);
      readAll(file, (failed, bytes) => {
        file.close(() => {
          if (failed !== undefined) this.#failed(what, failed);
          else done(bytes);
        });
      });
    });
  }

  #failed(what: string, error: DiskError): void {
    this.#done(fail(diskFailure(what, error)));
  }
}

function readAll(
  file: DiskFile,
  done: (error: DiskError | undefined, bytes: Uint8Array) => void,
): void {
  file.size((error, size) => {
    if (error !== undefined) done(error, new Uint8Array(0));
    else file.read(0, size, done);
  });
}
