/**
 * A task's directory: `task.json` (who the process is, how to stop it), `status` (its exit code,
 * written by the wrapper), `stdout`, `stderr` (appended to by the task itself).
 *
 * Invariants:
 *   F1. `task.json` is durable before the command begins, so that whatever runs can be found again.
 *   F2. `status` holds one complete line or none: the wrapper writes it with a single write.
 */
import { closeSync, constants, fchownSync, promises as fs, openSync } from "node:fs";
import { join } from "node:path";
import type { TaskId } from "@skein/common/ids";
import { taskId } from "@skein/common/ids";
import type { Decoded } from "@skein/common/wire/schema";
import { count, decodeWith, shortText } from "@skein/common/wire/schema";
import * as v from "valibot";
import type { RunSpec } from "./engine.ts";

export const processRecordSchema = v.object({
  schema: v.literal(1),
  pid: v.pipe(count, v.minValue(2)),
  startTime: count,
  bootId: shortText,
  name: shortText,
  stopSignal: shortText,
  stopGraceMs: count,
});
export type ProcessRecord = Decoded<typeof processRecordSchema>;

export interface TaskDescriptors {
  readonly stdout: number;
  readonly stderr: number;
  readonly status: number;
}

export class TaskFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  directory(task: TaskId): string {
    return join(this.#root, task);
  }

  async makeRoot(): Promise<void> {
    await fs.mkdir(this.#root, { recursive: true, mode: 0o700 });
  }

  async make(task: TaskId): Promise<void> {
    await fs.mkdir(this.directory(task), { recursive: true, mode: 0o700 });
  }

  /** Ids of every task directory, sorted; names that are no ids are left alone. */
  async list(): Promise<readonly TaskId[]> {
    const names = await fs.readdir(this.#root);
    return names
      .filter((name) => /^[\w-]{1,64}$/.test(name))
      .toSorted()
      .map(taskId);
  }

  /** `owner`: who must be able to open /dev/stdout again. */
  open(
    { taskId: task, dropOutput }: Pick<RunSpec, "taskId" | "dropOutput">,
    owner?: { readonly uid: number; readonly gid: number },
  ): TaskDescriptors {
    const append = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
    const opened: number[] = [];
    try {
      for (const name of ["stdout", "stderr", "status"]) {
        const isDropped = dropOutput === true && name !== "status";
        const path = isDropped ? "/dev/null" : join(this.directory(task), name);
        const descriptor = openSync(path, append, 0o600);
        opened.push(descriptor);
        if (owner !== undefined && !isDropped) fchownSync(descriptor, owner.uid, owner.gid);
      }
    } catch (error) {
      for (const descriptor of opened) closeSync(descriptor);
      throw error;
    }
    const [stdout = -1, stderr = -1, status = -1] = opened;
    return { stdout, stderr, status };
  }

  close(descriptors: TaskDescriptors): void {
    for (const descriptor of Object.values(descriptors)) closeSync(descriptor);
  }

  /** Durable when it resolves (F1). */
  async writeRecord(task: TaskId, record: ProcessRecord): Promise<void> {
    const path = join(this.directory(task), "task.json");
    await writeDurably(`${path}.tmp`, `${JSON.stringify(record)}\n`);
    await fs.rename(`${path}.tmp`, path);
    await syncDirectory(this.directory(task));
  }

  /** Undefined: nothing ever started here, or the file is not ours to understand. */
  async readRecord(task: TaskId): Promise<ProcessRecord | undefined> {
    const text = await readText(join(this.directory(task), "task.json"));
    if (text === undefined) return undefined;
    const decoded = decodeWith(processRecordSchema, parseJson(text));
    return decoded.ok ? decoded.value : undefined;
  }

  /** The exit code the wrapper left, if it did. */
  async readStatus(task: TaskId): Promise<number | undefined> {
    const text = await readText(join(this.directory(task), "status"));
    const line = /^(\d{1,3})\n$/.exec(text ?? "");
    return line === null ? undefined : Number(line[1]);
  }

  async remove(task: TaskId): Promise<void> {
    await fs.rm(this.directory(task), { recursive: true, force: true });
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await fs.open(path, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await fs.readFile(path, "utf8");
  } catch {
    return undefined; // Absent: the caller knows what that means.
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
