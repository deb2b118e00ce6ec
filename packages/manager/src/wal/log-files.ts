/**
 * The files of one log directory: the `Disk` port with the directory, and what all its files share.
 */
import type { Disk, DiskError, DiskFile, Done } from "@skein/common/io/disk";
import { finishFailed } from "@skein/common/io/disk";
import type { Crc32 } from "@skein/common/wire/crc32";
import type { LogOwner } from "./layout.ts";

export interface LogFilesOptions {
  readonly disk: Disk;
  /** Relative to the disk's root; made when missing, its parent must exist. */
  readonly directory: string;
  readonly owner: LogOwner;
  readonly crc32: Crc32;
}

export interface FilePart {
  readonly name: string;
  readonly position: number;
  readonly bytes: Uint8Array;
}

export class LogFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly owner: LogOwner;
  readonly crc32: Crc32;

  constructor(options: LogFilesOptions) {
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.owner = options.owner;
    this.crc32 = options.crc32;
  }

  /** Makes the directory durable, also when an earlier process made it and crashed. */
  prepare(done: Done): void {
    this.#disk.makeDirectory(this.#directory, (error) => {
      if (error !== undefined && error.code !== "exists") return done(error);
      const slash = this.#directory.lastIndexOf("/");
      this.#disk.syncDirectory(slash < 0 ? "." : this.#directory.slice(0, slash), done);
    });
  }

  list(done: Done<readonly string[]>): void {
    this.#disk.list(this.#directory, done);
  }

  open(name: string, mode: "read" | "read-write", done: Done<DiskFile>): void {
    this.#disk.open(this.pathOf(name), mode, done);
  }

  /**
   * A new file; an old one of that name, which nobody has acknowledged anything from, goes first.
   */
  replace(name: string, mode: "create" | "create-synced", done: Done<DiskFile>): void {
    this.#disk.remove(this.pathOf(name), (error) => {
      if (error !== undefined && error.code !== "not-found") return finishFailed(done, error);
      this.#disk.open(this.pathOf(name), mode, done);
    });
  }

  /** Writes a part again, ends the file behind it, and syncs. */
  rewrite(part: FilePart, done: Done): void {
    const { name, position, bytes } = part;
    this.open(name, "read-write", (error, file) => {
      if (error !== undefined) return done(error);
      const close = (failed: DiskError | undefined) =>
        file.close((unclosed) => done(failed ?? unclosed));
      file.write(position, bytes, (unwritten) => {
        if (unwritten !== undefined) return close(unwritten);
        file.truncate(position + bytes.length, (uncut) => {
          if (uncut !== undefined) return close(uncut);
          file.sync(close);
        });
      });
    });
  }

  rename(from: string, to: string, done: Done): void {
    this.#disk.rename(this.pathOf(from), this.pathOf(to), done);
  }

  remove(name: string, done: Done): void {
    this.#disk.remove(this.pathOf(name), done);
  }

  /** Removes one after the other; a failure ends it. */
  removeAll(names: readonly string[], done: Done): void {
    const [name, ...others] = names;
    if (name === undefined) return done(undefined);
    this.remove(name, (error) => {
      if (error !== undefined && error.code !== "not-found") return done(error);
      this.removeAll(others, done);
    });
  }

  syncNames(done: Done): void {
    this.#disk.syncDirectory(this.#directory, done);
  }

  /** For the disk, and for messages. */
  pathOf(name: string): string {
    return `${this.#directory}/${name}`;
  }
}
