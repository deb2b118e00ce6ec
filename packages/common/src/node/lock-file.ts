/**
 * One process per state directory. The lock is a file `lock` that names its holder by pid, start
 * time and boot id, so that a lock whose holder is dead is known for what it is, whatever has its
 * pid by now.
 *
 * Invariants:
 *   K1. The name appears with its whole content: it is linked, never written in place.
 *   K2. A stale lock is moved away, looked at again and only then deleted; a fresh one that was
 *       moved by mistake is put back.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import { count, decodeWith, shortText } from "../wire/schema.ts";

export interface DirectoryLock {
  /** For a process that lives on; one that ends may just end. */
  release(): void;
}

export interface LockError {
  readonly code: "locked" | "lock-failed";
  readonly message: string;
}

const holderSchema = v.object({ pid: count, startTime: count, bootId: shortText });
type Holder = v.InferOutput<typeof holderSchema>;

/** Tries again when another process takes, or drops, the lock between two looks. */
const ATTEMPTS_MAX = 10;

/** `directory` must exist. */
export function lockDirectory(directory: string): Result<DirectoryLock, LockError> {
  const path = join(directory, "lock");
  const mine = `${path}.${process.pid}`;
  try {
    writeFileSync(mine, JSON.stringify(self()), { mode: 0o600 });
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      if (tryLink(mine, path)) return ok({ release: () => rmSync(path, { force: true }) });
      const holder = readHolder(path);
      if (holder !== undefined && isAlive(holder)) {
        const message = `Cannot use ${directory}: process ${holder.pid} uses it`;
        return fail({ code: "locked", message });
      }
      moveAway(path);
    }
    return fail({ code: "lock-failed", message: `Cannot lock ${directory}: others keep trying` });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail({ code: "lock-failed", message: `Cannot lock ${directory}: ${reason}` });
  } finally {
    rmSync(mine, { force: true });
  }
}

function self(): Holder {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? 0, bootId: bootId() };
}

/** The living process that has locked `directory`. */
export function lockHolder(directory: string): number | undefined {
  const holder = readHolder(join(directory, "lock"));
  return holder !== undefined && isAlive(holder) ? holder.pid : undefined;
}

function isAlive(holder: Holder): boolean {
  return holder.bootId === bootId() && startTimeOf(holder.pid) === holder.startTime;
}

/** Deletes a lock that is stale; one that turns out to be fresh is put back (K2). */
function moveAway(path: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isCode(error, "ENOENT")) return; // Released, or moved by another: look again.
    throw error;
  }
  const holder = readHolder(aside);
  if (holder !== undefined && isAlive(holder)) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  }
}

/** Undefined when there is none, or when it is not a lock of ours. */
function readHolder(path: string): Holder | undefined {
  try {
    const decoded = decodeWith(holderSchema, JSON.parse(readFileSync(path, "utf8")));
    return decoded.ok ? decoded.value : undefined;
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/<pid>/stat; undefined when there is no such process, or only its remains. */
function startTimeOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
