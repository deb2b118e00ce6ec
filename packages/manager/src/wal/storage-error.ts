/** Why the log or a snapshot cannot be used, in the words an operator reads. */
import type { DiskError } from "@skein/common/io/disk";

export interface StorageError {
  readonly code: /** The directory is empty and there is no configuration to begin with. */
    | "no-log"
    /** Something that was acknowledged is damaged or missing. */
    | "corrupt"
    | "wrong-cluster"
    | "wrong-raft-id"
    /** Written by a version whose format this one does not know. */
    | "version"
    | "no-space"
    | "io"
    /** There is no snapshot yet: the log reaches back to the beginning. */
    | "no-snapshot"
    | "closed";
  readonly message: string;
}

export function diskFailure(what: string, error: DiskError): StorageError {
  const code = error.code === "no-space" ? "no-space" : "io";
  return { code, message: `Cannot ${what}: ${error.message}` };
}

export function corrupt(file: string, reason: string): StorageError {
  const remedy =
    "what this manager acknowledged is not all there, so it must not vote with it: " +
    "remove its state directory and let it join again as a new manager";
  return { code: "corrupt", message: `Cannot open the Raft log at ${file}: ${reason}; ${remedy}` };
}
