/** A backup as a file: written whole or not at all, opened whole or not at all. */
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { SealError, SealKey } from "@skein/common/node/sealed-file";
import { openSealKey, SEAL_HEADER_BYTES, Unsealer } from "@skein/common/node/sealed-file";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { BackupHead } from "@skein/common/wire/backup";
import { backupHeadSchema } from "@skein/common/wire/backup";
import { decodeHeaded } from "@skein/common/wire/headed";
import { BACKUP_BYTES_MAX } from "../limits.ts";
import { errorText } from "./paths.ts";

export interface Backup {
  readonly head: BackupHead;
  /** The replicated state, in the managers' own form. */
  readonly state: Uint8Array;
  readonly bytes: number;
}

/**
 * Writes what a manager sends, and opens it on the way: what is kept is known to open. The error
 * completes "Cannot back up the cluster: ".
 */
export async function writeBackup(
  path: string,
  key: SealKey,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Result<Backup, string>> {
  const temporary = `${path}.new-${process.pid}`;
  let file: number;
  try {
    file = openSync(temporary, "wx", 0o600);
  } catch (error) {
    return fail(`${path} cannot be written (${errorText(error)})`);
  }
  try {
    const written = await copy(file, key, chunks);
    if (!written.ok) return written;
    fsyncSync(file);
    renameSync(temporary, path);
    syncDirectory(dirname(path));
    return written;
  } catch (error) {
    return fail(`${path} cannot be written (${errorText(error)})`);
  } finally {
    closeSync(file);
    rmSync(temporary, { force: true });
  }
}

/** The error completes "Cannot …: "; a wrong passphrase and damage are told apart. */
export async function readBackup(
  path: string,
  passphrase: () => Promise<string>,
): Promise<Result<Backup, string>> {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    return fail(`${path} cannot be read (${errorText(error)})`);
  }
  try {
    const header = readPart(file, SEAL_HEADER_BYTES);
    const key = await openSealKey(header, await passphrase());
    if (!key.ok) return fail(`${path}: ${key.error.reason}`);
    const opening = new Opening(key.value);
    for (;;) {
      const chunk = readPart(file, CHUNK_BYTES);
      if (chunk.length === 0) break;
      const pushed = opening.push(chunk);
      if (!pushed.ok) return fail(`${path}: ${pushed.error}`);
    }
    const backup = opening.end();
    return backup.ok ? backup : fail(`${path}: ${backup.error}`);
  } finally {
    closeSync(file);
  }
}

const CHUNK_BYTES = 256 * 1024;

async function copy(
  file: number,
  key: SealKey,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Result<Backup, string>> {
  const opening = new Opening(key);
  // The manager repeats the header that it was given.
  let header = SEAL_HEADER_BYTES;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
    const skipped = Math.min(header, chunk.length);
    header -= skipped;
    const pushed = opening.push(chunk.subarray(skipped));
    if (!pushed.ok) return fail(`what the manager sent does not open (${pushed.error})`);
  }
  const backup = opening.end();
  return backup.ok ? backup : fail(`the connection broke: try again (${backup.error})`);
}

class Opening {
  readonly #unsealer: Unsealer;
  readonly #plain: Uint8Array[] = [];
  #bytes = SEAL_HEADER_BYTES;

  constructor(key: SealKey) {
    this.#unsealer = new Unsealer(key);
  }

  push(chunk: Uint8Array): Result<void, string> {
    this.#bytes += chunk.length;
    if (this.#bytes > BACKUP_BYTES_MAX) return fail(`it is longer than ${BACKUP_BYTES_MAX} bytes`);
    const opened = this.#unsealer.push(chunk);
    if (!opened.ok) return reasonOf(opened.error);
    this.#plain.push(...opened.value);
    return ok(undefined);
  }

  end(): Result<Backup, string> {
    const last = this.#unsealer.end();
    if (!last.ok) return reasonOf(last.error);
    const decoded = decodeHeaded(backupHeadSchema, Buffer.concat([...this.#plain, last.value]));
    if (!decoded.ok) return fail(`its head does not decode (${decoded.error.reason})`);
    const { head, rest } = decoded.value;
    return ok({ head, state: rest, bytes: this.#bytes });
  }
}

function reasonOf({ reason }: SealError) {
  return fail(reason);
}

function readPart(file: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(file, buffer, filled, length - filled, null);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  fsyncSync(directory);
  closeSync(directory);
}
