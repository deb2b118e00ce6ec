/**
 * The agent's task database: an append-only journal, one sync per batch. A frame is the payload's
 * length, its CRC-32 (both four bytes, little endian) and the entry in msgpack; the last entry of a
 * task counts.
 *
 * Invariants:
 *   B1. What `append` answered for is read back by the next `open`.
 *   B2. A damaged or half-written tail is cut off at the last whole frame, counted and logged; what
 *       it held is found again through the engine.
 *   B3. A journal of a newer format is refused, not cut.
 */
import type { Disk, DiskError, DiskFile, Done } from "@skein/common/io/disk";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import { decode, encode } from "@skein/common/wire/codec";
import { crc32 } from "@skein/common/wire/crc32";
import type { DatabaseEntry, TaskRecord } from "../agent/task-record.ts";
import { databaseEntrySchema } from "../agent/task-record.ts";
import { JOURNAL_BYTES_MAX, JOURNAL_REWRITE_RATIO, RECORD_BYTES_MAX } from "../limits.ts";

const PATH = "tasks.db";
const FORMAT = 1;
/** "SKTD", then the format as one byte and three of zero. */
const HEADER = Uint8Array.of(0x53, 0x4b, 0x54, 0x44, FORMAT, 0, 0, 0);
const FRAME_HEADER_BYTES = 8;

export interface TaskDatabasePorts {
  readonly disk: Disk;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A journal longer than this is rewritten when most of it no longer counts. */
  readonly rewriteBytes: number;
}

export interface DatabaseContents {
  readonly records: readonly TaskRecord[];
  readonly managers: readonly string[];
}

type Opened = (error: string | undefined, database?: TaskDatabase) => void;

/**
 * Opens, or creates, the journal. The error is for the operator: the agent must not start without
 * it.
 */
export function openTaskDatabase(ports: TaskDatabasePorts, done: Opened): void {
  ports.disk.open(PATH, "read-write", (error, file) => {
    if (error?.code === "not-found") return create(ports, new Map(), done);
    if (error !== undefined) return done(describe("open", error));
    file.size((sizeError, size) => {
      if (sizeError !== undefined) return done(describe("read", sizeError));
      if (size > JOURNAL_BYTES_MAX) return done(`Cannot read ${PATH}: ${size} bytes are too many`);
      file.read(0, size, (readError, bytes) => {
        if (readError !== undefined) return done(describe("read", readError));
        load(ports, { file, bytes }, done);
      });
    });
  });
}

export class TaskDatabase {
  readonly #ports: TaskDatabasePorts;
  /** Encoded frames of what counts, by key: what a rewrite writes. */
  readonly #live: Map<string, Uint8Array>;
  #file: DiskFile;
  #size: number;
  #liveBytes: number;

  constructor(ports: TaskDatabasePorts, live: Map<string, Uint8Array>, opened: OpenFile) {
    this.#ports = ports;
    this.#live = live;
    this.#file = opened.file;
    this.#size = opened.size;
    this.#liveBytes = total(live.values());
  }

  contents(): DatabaseContents {
    const records: TaskRecord[] = [];
    let managers: readonly string[] = [];
    for (const frame of this.#live.values()) {
      const entry = decode(databaseEntrySchema, frame.subarray(FRAME_HEADER_BYTES));
      if (!entry.ok) continue; // Cannot be: it was decoded, or encoded, by this process.
      if (entry.value.kind === "task") records.push(entry.value.record);
      if (entry.value.kind === "managers") managers = entry.value.managers;
    }
    return { records, managers };
  }

  /** Makes the entries durable with one sync. One call at a time. */
  append(entries: readonly DatabaseEntry[], done: (error: string | undefined) => void): void {
    const frames = entries.map((entry) => this.#keep(entry));
    const bytes = concatenate(frames);
    const needless = this.#size + bytes.length > JOURNAL_REWRITE_RATIO * this.#liveBytes;
    if (this.#size + bytes.length > this.#ports.rewriteBytes && needless)
      return this.#rewrite(done);
    this.#file.write(this.#size, bytes, (writeError) => {
      if (writeError !== undefined) return done(describe("write", writeError));
      this.#file.sync((syncError) => {
        if (syncError !== undefined) return done(describe("sync", syncError));
        this.#size += bytes.length;
        done(undefined);
      });
    });
  }

  /** Bytes of the journal and of what counts in it, for metrics. */
  sizes(): { readonly journal: number; readonly live: number } {
    return { journal: this.#size, live: this.#liveBytes };
  }

  close(done: () => void): void {
    this.#file.close(() => done());
  }

  #keep(entry: DatabaseEntry): Uint8Array {
    const bytes = frame(entry);
    this.#liveBytes += apply(this.#live, entry, bytes);
    return bytes;
  }

  #rewrite(done: (error: string | undefined) => void): void {
    this.#file.close(() => {
      create(this.#ports, this.#live, (error, fresh) => {
        if (fresh === undefined) return done(error);
        this.#file = fresh.#file;
        this.#size = fresh.#size;
        done(undefined);
      });
    });
  }
}

interface OpenFile {
  readonly file: DiskFile;
  readonly size: number;
}

/**
 * A new journal that holds `live`, durable when `done` is called. It gets its name only when it is
 * whole: a crash leaves the one before, or none.
 */
function create(ports: TaskDatabasePorts, live: Map<string, Uint8Array>, done: Opened): void {
  const { disk } = ports;
  const fresh = `${PATH}.new`;
  const bytes = concatenate([HEADER, ...live.values()]);
  // One that a crash interrupted never counted.
  disk.remove(fresh, () => {
    disk.open(fresh, "create", (openError, file) => {
      if (openError !== undefined) return done(describe("create", openError));
      const steps: readonly Step[] = [
        ["write", (next) => file.write(0, bytes, next)],
        ["sync", (next) => file.sync(next)],
        ["rename", (next) => disk.rename(fresh, PATH, next)],
        ["sync", (next) => disk.syncDirectory(".", next)],
      ];
      inTurn(steps, (error) => {
        if (error !== undefined) return done(error);
        done(undefined, new TaskDatabase(ports, live, { file, size: bytes.length }));
      });
    });
  });
}

type Step = readonly [verb: string, call: (next: Done) => void];

/** One call of the disk after the other, until one fails. */
function inTurn(steps: readonly Step[], done: (error: string | undefined) => void): void {
  const [first, ...rest] = steps;
  if (first === undefined) return done(undefined);
  const [verb, call] = first;
  call((error) => {
    if (error === undefined) inTurn(rest, done);
    else done(describe(verb, error));
  });
}

function load(
  ports: TaskDatabasePorts,
  opened: { readonly file: DiskFile; readonly bytes: Uint8Array },
  done: Opened,
): void {
  const { file, bytes } = opened;
  if (HEADER.subarray(0, 4).some((byte, at) => bytes[at] !== byte)) {
    return done(`Cannot read ${PATH}: it is not a task database`);
  }
  if (bytes[4] !== FORMAT) {
    return done(`Cannot read ${PATH}: it has format ${bytes[4]}, this version reads ${FORMAT}`);
  }
  const { live, end } = replay(bytes);
  if (end === bytes.length) {
    return done(undefined, new TaskDatabase(ports, live, { file, size: end }));
  }
  ports.metrics.count("skein_task_database_damaged_total");
  ports.log.write("warn", "task database has a damaged end", {
    cut: bytes.length - end,
    kept: end,
  });
  file.truncate(end, (error) => {
    if (error !== undefined) return done(describe("truncate", error));
    done(undefined, new TaskDatabase(ports, live, { file, size: end }));
  });
}

/** Every whole frame up to the first that is not (B2). */
function replay(bytes: Uint8Array): {
  readonly live: Map<string, Uint8Array>;
  readonly end: number;
} {
  const live = new Map<string, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = HEADER.length;
  while (end + FRAME_HEADER_BYTES <= bytes.length) {
    const length = view.getUint32(end, true);
    const next = end + FRAME_HEADER_BYTES + length;
    if (length > RECORD_BYTES_MAX || next > bytes.length) break;
    const payload = bytes.subarray(end + FRAME_HEADER_BYTES, next);
    if (crc32(payload) !== view.getUint32(end + 4, true)) break;
    const entry = decode(databaseEntrySchema, payload);
    if (!entry.ok) break;
    apply(live, entry.value, bytes.slice(end, next));
    end = next;
  }
  return { live, end };
}

/** Takes the entry into `live`; returns by how many bytes that grew. */
function apply(live: Map<string, Uint8Array>, entry: DatabaseEntry, bytes: Uint8Array): number {
  const key = keyOf(entry);
  const before = live.get(key)?.length ?? 0;
  if (entry.kind === "forget") {
    live.delete(key);
    return -before;
  }
  live.set(key, bytes);
  return bytes.length - before;
}

function keyOf(entry: DatabaseEntry): string {
  if (entry.kind === "managers") return "managers";
  return `task ${entry.kind === "forget" ? entry.taskId : entry.record.assignment.taskId}`;
}

function frame(entry: DatabaseEntry): Uint8Array {
  const payload = encode(entry);
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint32(4, crc32(payload), true);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(total(parts));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function total(parts: Iterable<Uint8Array>): number {
  let sum = 0;
  for (const part of parts) sum += part.length;
  return sum;
}

function describe(verb: string, error: DiskError): string {
  return `Cannot ${verb} ${PATH}: ${error.message}`;
}
