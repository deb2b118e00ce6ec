/**
 * Secrets and configs of a task as files in memory: a directory of its own on a tmpfs, open to the
 * task's user alone, gone when the task has ended. A machine without a tmpfs refuses such tasks
 * unless it was told that secrets may lie on its disk.
 */
import { promises as fs, mkdirSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import type { TaskId } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { RunFile, RunSpec } from "./engine.ts";

export interface SecretFilesOptions {
  /** Names the directories of this node: its id. */
  readonly node: string;
  /** Where secrets may lie when there is no tmpfs; undefined: nowhere. */
  readonly disk: string | undefined;
}

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

const TMPFS_MAGIC = 0x01021994;
const RAMFS_MAGIC = 0x858458f6;
const KINDS = { secret: "secrets", config: "configs" } as const;

export class SecretFiles {
  readonly #root: string | undefined;

  constructor({ node, disk }: SecretFilesOptions) {
    const candidates = [process.env["XDG_RUNTIME_DIR"], "/run/user", "/dev/shm", "/run"];
    const memory = candidates.find((path) => path !== undefined && isMemory(path));
    const base = memory ?? disk;
    this.#root = base === undefined ? undefined : join(base, `skein-${node}`);
  }

  /** Writes the files; with them, the variables that say where they are. */
  async make(
    spec: RunSpec,
    owner: FileOwner,
  ): Promise<Result<Readonly<Record<string, string>>, string>> {
    if (spec.files === undefined || spec.files.length === 0) return ok({});
    const root = this.#root;
    if (root === undefined) return fail(NO_MEMORY);
    await fs.mkdir(root, { recursive: true, mode: 0o711 });
    await fs.chmod(root, 0o711);
    const directory = join(root, spec.taskId);
    await fs.rm(directory, { recursive: true, force: true });
    await fs.mkdir(directory, { mode: 0o700 });
    for (const file of spec.files) {
      const written = await writeFile(join(directory, KINDS[file.kind]), file, owner);
      if (!written.ok) return written;
    }
    await chown(directory, owner);
    return ok({
      SKEIN_SECRETS_DIR: join(directory, KINDS.secret),
      SKEIN_CONFIGS_DIR: join(directory, KINDS.config),
    });
  }

  remove(task: TaskId): void {
    if (this.#root !== undefined) rmSync(join(this.#root, task), { recursive: true, force: true });
  }

  /** What tasks that are no more have left: a machine that crashed, an agent that was away. */
  sweep(living: ReadonlySet<string>): void {
    for (const name of this.#names()) {
      if (!living.has(name)) this.remove(name as TaskId);
    }
  }

  #names(): readonly string[] {
    try {
      return this.#root === undefined ? [] : readdirSync(this.#root);
    } catch {
      return [];
    }
  }
}

const NO_MEMORY =
  "its secrets would lie on a disk: this node has no tmpfs ($XDG_RUNTIME_DIR, /dev/shm, /run); " +
  "start skein-worker with --allow-disk-secrets if that may be";

async function writeFile(
  directory: string,
  file: RunFile,
  owner: FileOwner,
): Promise<Result<undefined, string>> {
  const target = normalize(file.target).replace(/^\/+/, "");
  if (target === "" || target.startsWith("..")) return fail(`invalid target ${file.target}`);
  const path = join(directory, target);
  await fs.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  for (let at = dirname(path); at.length >= directory.length; at = dirname(at))
    await chown(at, owner);
  await fs.writeFile(path, file.data, { mode: 0o600, flag: "wx" });
  const uid = /^\d+$/.test(file.uid) && file.uid !== "0" ? Number(file.uid) : owner.uid;
  const gid = /^\d+$/.test(file.gid) && file.gid !== "0" ? Number(file.gid) : owner.gid;
  await chown(path, { uid, gid });
  await fs.chmod(path, file.mode & 0o777);
  return ok(undefined);
}

/** Only root gives files away; an ordinary user's tasks are its own. */
async function chown(path: string, { uid, gid }: FileOwner): Promise<void> {
  if (process.getuid?.() === 0) await fs.chown(path, uid, gid);
}

/** In memory, and ours to write to. */
function isMemory(path: string): boolean {
  try {
    const { type } = statfsSync(path);
    if (type !== TMPFS_MAGIC && type !== RAMFS_MAGIC) return false;
    const probe = join(path, `.skein-${process.pid}`);
    rmSync(probe, { recursive: true, force: true });
    mkdirSync(probe, { mode: 0o700 });
    rmSync(probe, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}
