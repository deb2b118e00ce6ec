/**
 * The little of a file system that log, snapshots and the agent's task database need. Completion style,
 * not promises, so that the simulator needs no microtask draining and can crash between any two calls.
 *
 * Durability: written bytes are durable after `sync` of the file; a created, renamed or removed name is
 * durable after `syncDirectory`. A failed `sync` poisons the file: it is never retried.
 */
export interface DiskError {
  readonly code: "not-found" | "exists" | "no-space" | "io";
  /** The system's own words, with the path. */
  readonly message: string;
}

export type Done<T = void> = (error: DiskError | undefined, value: T) => void;

export interface DiskFile {
  /** Writes all of `bytes` at `position` (no short writes). */
  write(position: number, bytes: Uint8Array, done: Done): void;
  read(position: number, length: number, done: Done<Uint8Array>): void;
  size(done: Done<number>): void;
  truncate(length: number, done: Done): void;
  /** fdatasync. */
  sync(done: Done): void;
  close(done: Done): void;
}

/** Paths are relative to the root the adapter was made with; names never leave it. */
export interface Disk {
  open(path: string, mode: "read" | "create" | "read-write", done: Done<DiskFile>): void;
  list(directory: string, done: Done<readonly string[]>): void;
  makeDirectory(path: string, done: Done): void;
  rename(from: string, to: string, done: Done): void;
  remove(path: string, done: Done): void;
  syncDirectory(path: string, done: Done): void;
}
