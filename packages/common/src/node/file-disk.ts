/**
 * The `Disk` port on the file system. Symbolic links are followed, so that an operator may place a
 * directory elsewhere; a name that climbs above the root is refused.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Disk, DiskError, DiskFile, Done, OpenMode } from "../io/disk.ts";
import { finishFailed } from "../io/disk.ts";

/**
 * Elsewhere the flag is missing, or stops at the drive's cache; a sync after each write does not.
 */
const SYNCED = process.platform === "linux";
const { O_CREAT, O_DSYNC, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
const FLAGS = {
  read: O_RDONLY,
  create: O_RDWR | O_CREAT | O_EXCL,
  "create-synced": O_RDWR | O_CREAT | O_EXCL | (SYNCED ? O_DSYNC : 0),
  "read-write": O_RDWR,
} as const;
/** State is the owner's alone: it holds keys and secrets. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** `root` must exist. */
export function createFileDisk(root: string): Disk {
  return new FileDisk(path.resolve(root));
}

class FileDisk implements Disk {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  open(name: string, mode: OpenMode, done: Done<DiskFile>): void {
    this.#within([name], done, ([full = ""]) =>
      fs.open(full, FLAGS[mode], FILE_MODE, (error, descriptor) => {
        if (error) finishFailed(done, diskError(error));
        else done(undefined, new OpenFile(descriptor, full, mode === "create-synced" && !SYNCED));
      }),
    );
  }

  list(directory: string, done: Done<readonly string[]>): void {
    this.#within([directory], done, ([full = ""]) =>
      fs.readdir(full, (error, names) => {
        if (error) finishFailed(done, diskError(error));
        else done(undefined, names.toSorted());
      }),
    );
  }

  makeDirectory(name: string, done: Done): void {
    this.#within([name], done, ([full = ""]) => fs.mkdir(full, DIRECTORY_MODE, completion(done)));
  }

  rename(from: string, to: string, done: Done): void {
    this.#within([from, to], done, ([old = "", next = ""]) =>
      fs.rename(old, next, completion(done)),
    );
  }

  remove(name: string, done: Done): void {
    this.#within([name], done, ([full = ""]) => fs.unlink(full, completion(done)));
  }

  syncDirectory(name: string, done: Done): void {
    this.#within([name], done, ([full = ""]) =>
      fs.open(full, "r", (error, descriptor) => {
        if (error) return done(diskError(error));
        fs.fsync(descriptor, (syncError) => {
          fs.close(descriptor, () => completion(done)(syncError));
        });
      }),
    );
  }

  /** Resolves the names under the root, or refuses them; never calls back synchronously (K1). */
  #within<T>(
    names: readonly string[],
    done: Done<T>,
    act: (full: readonly string[]) => void,
  ): void {
    const outside = names.find((name) => !staysWithin(name));
    if (outside === undefined) return act(names.map((name) => path.join(this.#root, name)));
    const message = `the name ${JSON.stringify(outside)} leaves the directory ${this.#root}`;
    setImmediate(() => finishFailed(done, { code: "io", message }));
  }
}

class OpenFile implements DiskFile {
  readonly #descriptor: number;
  readonly #path: string;
  readonly #syncsAfterWrite: boolean;

  constructor(descriptor: number, name: string, syncsAfterWrite: boolean) {
    this.#descriptor = descriptor;
    this.#path = name;
    this.#syncsAfterWrite = syncsAfterWrite;
  }

  write(position: number, bytes: Uint8Array, done: Done): void {
    const { length } = bytes;
    fs.write(this.#descriptor, bytes, 0, length, position, (error, written) => {
      if (error) done(this.#error(error));
      else if (written === length) this.#written(done);
      // A short write (a full disk, a signal): the rest either fits or tells why not.
      else if (written > 0) this.write(position + written, bytes.subarray(written), done);
      else done({ code: "io", message: `write took no bytes: ${this.#path}` });
    });
  }

  read(position: number, length: number, done: Done<Uint8Array>): void {
    this.#fill({ position, into: new Uint8Array(length), filled: 0 }, done);
  }

  size(done: Done<number>): void {
    fs.fstat(this.#descriptor, (error, stats) => {
      if (error) finishFailed(done, this.#error(error));
      else done(undefined, stats.size);
    });
  }

  truncate(length: number, done: Done): void {
    fs.ftruncate(this.#descriptor, length, this.#completion(done));
  }

  sync(done: Done): void {
    fs.fdatasync(this.#descriptor, this.#completion(done));
  }

  close(done: Done): void {
    fs.close(this.#descriptor, this.#completion(done));
  }

  #written(done: Done): void {
    if (this.#syncsAfterWrite) this.sync(done);
    else done(undefined);
  }

  #fill(part: Part, done: Done<Uint8Array>): void {
    const { position, into, filled } = part;
    const wanted = into.length - filled;
    const at = position + filled;
    fs.read(this.#descriptor, into, filled, wanted, at, (error, count) => {
      if (error) return finishFailed(done, this.#error(error));
      if (count === 0 || count === wanted) return done(undefined, into.subarray(0, filled + count));
      this.#fill({ position, into, filled: filled + count }, done);
    });
  }

  #completion(done: Done): (error: NodeJS.ErrnoException | null) => void {
    return (error) => done(error ? this.#error(error) : undefined);
  }

  /** Calls on a descriptor do not name the path. */
  #error(error: NodeJS.ErrnoException): DiskError {
    const { code, message } = diskError(error);
    return { code, message: `${message} '${this.#path}'` };
  }
}

interface Part {
  readonly position: number;
  readonly into: Uint8Array;
  readonly filled: number;
}

function staysWithin(name: string): boolean {
  if (name === "" || name.includes("\0") || path.isAbsolute(name)) return false;
  return name.split("/").every((part) => part !== "..");
}

function completion(done: Done): (error: NodeJS.ErrnoException | null) => void {
  return (error) => done(error ? diskError(error) : undefined);
}

function diskError(error: NodeJS.ErrnoException): DiskError {
  return { code: codes[error.code ?? ""] ?? "io", message: error.message };
}

const codes: Readonly<Record<string, DiskError["code"]>> = {
  ENOENT: "not-found",
  EEXIST: "exists",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
};
