/**
 * Saves snapshots one after the other, keeps the newest two, and reads the newest.
 *
 * Order of a save: the file is durable under its name, then a mark in the log is durable, then the
 * caller hears of it, then older files go.
 */
import type { Clock } from "@skein/common/io/clock";
import type { DiskError } from "@skein/common/io/disk";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Result } from "@skein/common/result";
import { fail } from "@skein/common/result";
import { SNAPSHOT_BYTES_MAX, SNAPSHOT_SAVES_MAX } from "../limits.ts";
import type { SnapshotMeta } from "../raft/protocol.ts";
import type { LogFiles } from "./log-files.ts";
import type { Snapshot } from "./snapshot-file.ts";
import { readSnapshot, writeSnapshot } from "./snapshot-file.ts";
import { parseSnapshotName, snapshotName } from "./snapshot-trailer.ts";
import type { StorageError } from "./storage-error.ts";
import { diskFailure } from "./storage-error.ts";

export type SaveDone = (error: string | undefined) => void;

export interface SnapshotKeeperOptions {
  readonly files: LogFiles;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Writes the mark into the log. */
  readonly mark: (meta: SnapshotMeta, done: SaveDone) => void;
  /** The disk failed in a way after which nothing may be trusted. */
  readonly poison: (error: StorageError) => void;
  /** Why nothing may be written any more, if so. */
  readonly failure: () => string | undefined;
  /** Nothing is under way any more. */
  readonly idle: () => void;
}

interface Save {
  readonly snapshot: Snapshot;
  readonly done: SaveDone;
}

export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  readonly #saves: Save[] = [];
  #saving = false;
  #newest: SnapshotMeta;
  #previous: number;

  constructor(options: SnapshotKeeperOptions, newest: SnapshotMeta, previous: number) {
    this.#options = options;
    this.#newest = newest;
    this.#previous = previous;
  }

  /** The newest durable snapshot; index 0 when there is none. */
  get newest(): SnapshotMeta {
    return this.#newest;
  }

  /** Index of the one before it: 0 is the log's beginning. */
  get previous(): number {
    return this.#previous;
  }

  get busy(): boolean {
    return this.#saving || this.#saves.length > 0;
  }

  save(snapshot: Snapshot, done: SaveDone): void {
    const { length } = snapshot.state;
    if (length > SNAPSHOT_BYTES_MAX) {
      return done(`the snapshot has ${length} bytes, the limit is ${SNAPSHOT_BYTES_MAX}`);
    }
    if (this.#saves.length >= SNAPSHOT_SAVES_MAX) {
      return done(`${SNAPSHOT_SAVES_MAX} snapshots are waiting to be saved`);
    }
    this.#saves.push({ snapshot, done });
    this.#next();
  }

  read(done: (result: Result<Snapshot, StorageError>) => void): void {
    if (this.#newest.index === 0) {
      return done(fail({ code: "no-snapshot", message: "There is no snapshot yet" }));
    }
    readSnapshot(this.#options.files, snapshotName(this.#newest).name, done);
  }

  #next(): void {
    if (this.#saving) return;
    const save = this.#saves.shift();
    if (save === undefined) return this.#options.idle();
    this.#saving = true;
    const failure = this.#options.failure();
    if (failure !== undefined) return this.#end(save, failure);
    // What is older than the newest is in it.
    if (save.snapshot.meta.index <= this.#newest.index) return this.#end(save, undefined);
    this.#write(save);
  }

  #write(save: Save): void {
    const { files, clock, metrics, mark } = this.#options;
    const { meta, state } = save.snapshot;
    const began = clock.now();
    writeSnapshot(files, save.snapshot, (error) => {
      if (error !== undefined) return this.#end(save, this.#failed(error));
      metrics.observeMs("skein_snapshot_save_seconds", clock.now() - began);
      metrics.gauge("skein_snapshot_bytes", state.length);
      mark(meta, (unmarked) => {
        if (unmarked !== undefined) return this.#end(save, unmarked);
        this.#previous = this.#newest.index;
        this.#newest = meta;
        save.done(undefined);
        this.#prune();
      });
    });
  }

  /** A full disk costs this snapshot; anything else costs the trust in the disk. */
  #failed(error: DiskError): string {
    const failure = diskFailure("save a snapshot", error);
    if (failure.code !== "no-space") this.#options.poison(failure);
    return failure.message;
  }

  #end(save: Save, error: string | undefined): void {
    this.#saving = false;
    save.done(error);
    this.#next();
  }

  /** Best effort: what stays is removed after the next save. */
  #prune(): void {
    const { files, log } = this.#options;
    const finish = (error: DiskError | undefined) => {
      if (error !== undefined) {
        log.write("warn", "old snapshots stay", { reason: error.message });
      }
      this.#saving = false;
      this.#next();
    };
    files.list((error, names) => {
      if (error !== undefined) return finish(error);
      const kept = new Set([this.#newest.index, this.#previous]);
      const old = names.filter((name) => !kept.has(parseSnapshotName(name)?.index ?? -1));
      files.removeAll(
        old.filter((name) => parseSnapshotName(name) !== undefined),
        finish,
      );
    });
  }
}
