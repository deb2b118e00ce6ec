/**
 * Writes and reads snapshot files. A file gets its name only when its content is durable, so a name
 * means a complete snapshot; checksums tell one that rotted.
 */
import type { DiskError, DiskFile, Done } from "@skein/common/io/disk";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { SNAPSHOT_FILE_CHUNK_BYTES } from "../limits.ts";
import type { SnapshotMeta } from "../raft/protocol.ts";
import { checkOwner, encodeFileHeader, FILE_HEADER_BYTES, readFileHeader } from "./layout.ts";
import type { LogFiles } from "./log-files.ts";
import type { Trailer } from "./snapshot-trailer.ts";
import {
  encodeTrailer,
  locateTrailer,
  readTrailer,
  snapshotName,
  TAIL_BYTES,
} from "./snapshot-trailer.ts";
import type { StorageError } from "./storage-error.ts";
import { corrupt, diskFailure } from "./storage-error.ts";

export const TEMPORARY_SUFFIX = ".tmp";

export interface Snapshot {
  readonly meta: SnapshotMeta;
  readonly state: Uint8Array;
}

type Ended = (error: DiskError | undefined) => void;
type Read = (result: Result<Snapshot, StorageError>) => void;

/** On failure nothing is left but perhaps a temporary file, which the next opening removes. */
export function writeSnapshot(files: LogFiles, snapshot: Snapshot, done: Ended): void {
  const { name } = snapshotName(snapshot.meta);
  const temporary = `${name}${TEMPORARY_SUFFIX}`;
  const abandon = (error: DiskError) => files.remove(temporary, () => done(error));
  const publish = () =>
    files.rename(temporary, name, (error) => {
      if (error !== undefined) return abandon(error);
      files.syncNames(done);
    });
  files.replace(temporary, "create", (error, file) => {
    if (error !== undefined) return done(error);
    new Writer(files, file, snapshot).run((failed) =>
      file.close((closeFailed) => {
        const wrong = failed ?? closeFailed;
        if (wrong !== undefined) abandon(wrong);
        else publish();
      }),
    );
  });
}

/** Reads and verifies a whole file; `corrupt` when any of it is not as it was written. */
export function readSnapshot(files: LogFiles, name: string, done: Read): void {
  files.open(name, "read", (error, file) => {
    if (error !== undefined) return done(fail(diskFailure(`open ${files.pathOf(name)}`, error)));
    new Reader(files, name, file).run((result) => file.close(() => done(result)));
  });
}

/** Header, chunks, trailer, sync: each after the one before. */
class Writer {
  readonly #files: LogFiles;
  readonly #file: DiskFile;
  readonly #snapshot: Snapshot;
  readonly #sums: number[] = [];
  #done: Ended = () => undefined;

  constructor(files: LogFiles, file: DiskFile, snapshot: Snapshot) {
    this.#files = files;
    this.#file = file;
    this.#snapshot = snapshot;
  }

  run(done: Ended): void {
    this.#done = done;
    const { index, term } = this.#snapshot.meta;
    const header = encodeFileHeader("snapshot", this.#files.owner, [index, term]);
    this.#file.write(
      0,
      header,
      this.#then(() => this.#writeChunk(0)),
    );
  }

  #writeChunk(from: number): void {
    const { state } = this.#snapshot;
    if (from >= state.length) return this.#writeTrailer();
    const chunk = state.subarray(from, from + SNAPSHOT_FILE_CHUNK_BYTES);
    this.#sums.push(this.#files.crc32(chunk));
    const next = this.#then(() => this.#writeChunk(from + chunk.length));
    this.#file.write(FILE_HEADER_BYTES + from, chunk, next);
  }

  #writeTrailer(): void {
    const { meta, state } = this.#snapshot;
    const trailer = encodeTrailer(meta, state.length, this.#sums);
    const next = this.#then(() => this.#file.sync(this.#done));
    this.#file.write(FILE_HEADER_BYTES + state.length, trailer, next);
  }

  #then(next: () => void): Ended {
    return (error) => (error === undefined ? next() : this.#done(error));
  }
}

/** Header, tail, trailer, chunks: each checked before the next is read. */
class Reader {
  readonly #files: LogFiles;
  readonly #name: string;
  readonly #file: DiskFile;
  #done: Read = () => undefined;

  constructor(files: LogFiles, name: string, file: DiskFile) {
    this.#files = files;
    this.#name = name;
    this.#file = file;
  }

  run(done: Read): void {
    this.#done = done;
    this.#file.size(this.#then((size) => this.#readHeader(size)));
  }

  #readHeader(size: number): void {
    const next = this.#then<Uint8Array>((bytes) => {
      const wrong = this.#headerFault(bytes);
      if (wrong === undefined) this.#readTail(size);
      else this.#done(fail(wrong));
    });
    this.#file.read(0, FILE_HEADER_BYTES, next);
  }

  #readTail(size: number): void {
    const next = this.#then<Uint8Array>((tail) => {
      const place = locateTrailer(tail, size);
      if (place === undefined) return this.#damaged("its end is missing");
      const read = this.#then<Uint8Array>((bytes) => this.#openTrailer(bytes));
      this.#file.read(place.at, place.bytes, read);
    });
    this.#file.read(Math.max(0, size - TAIL_BYTES), TAIL_BYTES, next);
  }

  #openTrailer(bytes: Uint8Array): void {
    const trailer = readTrailer(bytes);
    if (!trailer.ok) return this.#damaged(trailer.error);
    const { meta, stateBytes } = trailer.value;
    if (snapshotName(meta).name !== this.#name) {
      return this.#damaged(`it holds index ${meta.index} of term ${meta.term}`);
    }
    this.#readChunk(trailer.value, new Uint8Array(stateBytes), 0);
  }

  #readChunk(trailer: Trailer, state: Uint8Array, place: number): void {
    const from = place * trailer.chunkBytes;
    if (from >= state.length) return this.#done(ok({ meta: trailer.meta, state }));
    const length = Math.min(trailer.chunkBytes, state.length - from);
    const next = this.#then<Uint8Array>((chunk) => {
      if (chunk.length !== length || this.#files.crc32(chunk) !== trailer.sums[place]) {
        return this.#damaged(`${length} bytes from ${from} have a wrong checksum`);
      }
      state.set(chunk, from);
      this.#readChunk(trailer, state, place + 1);
    });
    this.#file.read(FILE_HEADER_BYTES + from, length, next);
  }

  #headerFault(bytes: Uint8Array): StorageError | undefined {
    const path = this.#files.pathOf(this.#name);
    const header = readFileHeader("snapshot", path, bytes);
    if (!header.ok) return header.error;
    if (header.value === undefined) return corrupt(path, "its header is damaged");
    return checkOwner(path, header.value.owner, this.#files.owner);
  }

  #damaged(reason: string): void {
    this.#done(fail(corrupt(this.#files.pathOf(this.#name), reason)));
  }

  #then<T>(next: (value: T) => void): Done<T> {
    const what = `read ${this.#files.pathOf(this.#name)}`;
    return (error, value) =>
      error === undefined ? next(value) : this.#done(fail(diskFailure(what, error)));
  }
}
