/**
 * The little of a file system that log, snapshots and the agent's task database need. Completion
 * style, not promises, so that the simulator needs no microtask draining and can crash between any
 * two calls.
 *
 * Durability: written bytes are durable after `sync` of the file; a created, renamed or removed
 * name is durable after `syncDirectory`. A failed `sync` poisons the file: it is never retried.
 *
 * Every implementation passes test/contract/disk.test.ts:
 *   K1. A completion is never called synchronously, and exactly once.
 *   K2. `bytes` handed to `write` stay unchanged until its completion; bytes that `read` hands out
 *       are the caller's.
 *   K3. A write behind the end fills the gap with zeros.
 *   K4. An open file stays usable after its name was renamed over or removed.
 */
export interface DiskError {
  readonly code: "not-found" | "exists" | "no-space" | "io";
  /** The system's own words, with the path. */
  readonly message: string;
}

/** `value` is there when `error` is not. */
export type Done<T = void> = (error: DiskError | undefined, value: T) => void;

/** Completes with a failure, which has no value to give: hence the cast. For implementations. */
export function finishFailed<T>(done: Done<T>, error: DiskError): void {
  (done as (error: DiskError) => void)(error);
}

export interface DiskFile {
  /**
   * Writes all of `bytes` at `position` (no short writes). After an error any part may be written.
   */
  write(position: number, bytes: Uint8Array, done: Done): void;
  /** Fewer bytes than asked for only at the end of the file. */
  read(position: number, length: number, done: Done<Uint8Array>): void;
  size(done: Done<number>): void;
  /** Shortens, or lengthens with zeros. */
  truncate(length: number, done: Done): void;
  /** fdatasync: covers the writes that completed before the call. */
  sync(done: Done): void;
  close(done: Done): void;
}

/**
 * `create`: a new file, else `exists`. `read` and `read-write`: an existing one, else `not-found`.
 * `create-synced`: new, and each write is durable when it completes, in one call in place of two. A
 * failed write counts as a failed sync.
 */
export type OpenMode = "read" | "create" | "create-synced" | "read-write";

/**
 * Paths are relative to the root the adapter was made with; names never leave it. "." is the root.
 */
export interface Disk {
  open(path: string, mode: OpenMode, done: Done<DiskFile>): void;
  /** The names in it, sorted by code unit. */
  list(directory: string, done: Done<readonly string[]>): void;
  /** One level; `exists` when there is something of that name. */
  makeDirectory(path: string, done: Done): void;
  /** Replaces a file of the new name, atomically. */
  rename(from: string, to: string, done: Done): void;
  /** Removes a file. */
  remove(path: string, done: Done): void;
  syncDirectory(path: string, done: Done): void;
}
