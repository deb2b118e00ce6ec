/**
 * A disk in memory that behaves at its worst within what the `Disk` port promises.
 *
 * What survives a crash:
 *   S1. Bytes under a `sync` that succeeded, for writes that completed before it was called, and
 *       every completed write of a file opened `create-synced`. Of every other write any set of
 *       512-byte sectors, or a prefix cut anywhere, drawn at random.
 *   S2. Names under a `syncDirectory`. Every other creation, rename and removal survives or not,
 *       each on its own.
 *   S3. After a failed sync the writes it should have covered stay readable, as from a page cache,
 *       until the crash; a later sync does not save them. A sector that is not being written never
 *       changes: devices without this property are out of scope.
 */
import type { Clock } from "@skein/common/io/clock";
import type { Disk, DiskError, DiskFile, Done, OpenMode } from "@skein/common/io/disk";
import { finishFailed } from "@skein/common/io/disk";
import type { Random } from "@skein/common/io/random";
import { FileState } from "./sim-file.ts";

export interface DiskCall {
  /** Counts from 1, over the life of this disk. */
  readonly number: number;
  readonly kind: DiskCallKind;
  readonly path: string;
  /** It ends when the device has it: a sync, or a write of a file opened `create-synced`. */
  readonly isSynced: boolean;
}

export type DiskCallKind = Exclude<keyof Disk | keyof DiskFile, symbol>;

export interface SimDiskOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds that a call takes. Absent: none. */
  readonly latency?: (call: DiskCall) => number;
  /** The fault a call meets, if any: the call then has no effect, a failed sync the one of S3. */
  readonly fault?: (call: DiskCall) => DiskError["code"] | undefined;
  /** Bytes that all files together may hold; a write beyond happens in part and fails. */
  readonly capacityBytes?: number;
}

/**
 * How unsynced writes and names fare in a crash. `process`: only the process ends; all it wrote can
 * still be read, and is as little durable as before.
 */
export type CrashLoss = "everything" | "nothing" | "random" | "process";

export class SimDisk implements Disk {
  readonly #options: SimDiskOptions;
  readonly #directories = new Map<string, Directory>([[".", newDirectory(true)]]);
  #calls = 0;
  /** Completions of an earlier life are never delivered. */
  #life = 0;
  #observer: ((call: DiskCall) => void) | undefined;
  #fault: SimDiskOptions["fault"];
  #capacityBytes: number;

  constructor(options: SimDiskOptions) {
    this.#options = options;
    this.#fault = options.fault;
    this.#capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Loses what was not durable. Open files are dead and nothing under way completes. */
  crash(loss: CrashLoss = "random"): void {
    this.#life += 1;
    const remains = this.#remains(loss);
    this.#directories.clear();
    for (const [path, directory] of remains) this.#directories.set(path, directory);
  }

  /** A disk as a crash at this moment would leave it; this one goes on undisturbed. */
  afterCrash(loss: CrashLoss, options: SimDiskOptions = this.#options): SimDisk {
    const copy = new SimDisk(options);
    for (const [path, directory] of this.#remains(loss)) copy.#directories.set(path, directory);
    return copy;
  }

  /** Calls `observer` at every call, when its effect has begun and before it completes. */
  observe(observer: ((call: DiskCall) => void) | undefined): void {
    this.#observer = observer;
  }

  setFault(fault: SimDiskOptions["fault"]): void {
    this.#fault = fault;
  }

  setCapacity(bytes: number): void {
    this.#capacityBytes = bytes;
  }

  /** Bit rot, or a file put there by hand, durably. The change may return other bytes. */
  corrupt(path: string, change: (bytes: Uint8Array) => Uint8Array | void): void {
    const { directory, name } = this.#split(path);
    const file = directory?.current.get(name) ?? new FileState();
    file.corrupt(change);
    directory?.current.set(name, file);
    directory?.durable.set(name, file);
  }

  /** A directory put there by hand, durably. */
  addDirectory(path: string): void {
    this.#directories.set(path, newDirectory(true));
  }

  /** What a reader of the file sees, if there is such a file. */
  contents(path: string): Uint8Array | undefined {
    const file = this.#lookup(path);
    return file?.read(0, file.size);
  }

  /** The files of a directory, sorted. */
  names(directory: string): readonly string[] {
    return [...(this.#directories.get(directory)?.current.keys() ?? [])].toSorted();
  }

  usedBytes(): number {
    let used = 0;
    for (const { current } of this.#directories.values()) {
      for (const file of current.values()) used += file.size;
    }
    return used;
  }

  open(path: string, mode: OpenMode, done: Done<DiskFile>): void {
    this.#act({ kind: "open", path }, done, () => {
      const { directory, name } = this.#split(path);
      const found = directory?.current.get(name);
      if (directory === undefined) return failure("not-found", path);
      const creates = mode === "create" || mode === "create-synced";
      if (creates && found !== undefined) return failure("exists", path);
      if (!creates && found === undefined) return failure("not-found", path);
      const file = found ?? new FileState();
      if (found === undefined) change(directory, { set: name, file });
      return success(this.#opened(path, file, mode));
    });
  }

  list(path: string, done: Done<readonly string[]>): void {
    this.#act({ kind: "list", path }, done, () => {
      const directory = this.#directories.get(path);
      if (directory === undefined) return failure("not-found", path);
      const inner = [...this.#directories.keys()].filter((n) => n !== "." && parentOf(n) === path);
      return success([...directory.current.keys(), ...inner.map(nameOf)].toSorted());
    });
  }

  makeDirectory(path: string, done: Done): void {
    this.#act({ kind: "makeDirectory", path }, done, () => {
      const { directory, name } = this.#split(path);
      if (directory === undefined) return failure("not-found", path);
      if (this.#directories.has(path) || directory.current.has(name)) {
        return failure("exists", path);
      }
      this.#directories.set(path, newDirectory(false));
      return success(undefined);
    });
  }

  rename(from: string, to: string, done: Done): void {
    this.#act({ kind: "rename", path: from, to }, done, () => {
      const old = this.#split(from);
      const next = this.#split(to);
      const file = old.directory?.current.get(old.name);
      if (file === undefined || next.directory === undefined) return failure("not-found", from);
      if (old.directory !== next.directory) return failure("io", to);
      change(next.directory, { set: next.name, file, unset: old.name });
      return success(undefined);
    });
  }

  remove(path: string, done: Done): void {
    this.#act({ kind: "remove", path }, done, () => {
      const { directory, name } = this.#split(path);
      if (directory?.current.has(name) !== true) return failure("not-found", path);
      change(directory, { unset: name });
      return success(undefined);
    });
  }

  syncDirectory(path: string, done: Done): void {
    this.#act({ kind: "syncDirectory", path }, done, () => {
      const directory = this.#directories.get(path);
      if (directory === undefined) return failure("not-found", path);
      const covered = directory.pending.length;
      const inner = [...this.#directories].filter(([name]) => parentOf(name) === path);
      return success(undefined, () => {
        for (const item of directory.pending.splice(0, covered)) apply(directory.durable, item);
        for (const [, child] of inner) child.named = true;
      });
    });
  }

  /** The calls of one open file; `life` makes a file of before a crash dead. */
  #opened(path: string, file: FileState, mode: OpenMode): DiskFile {
    const life = this.#life;
    const act = <T>(kind: DiskCallKind, done: Done<T>, begin: () => Outcome<T>) => {
      if (life === this.#life) this.#act({ kind, path, file, mode }, done, begin);
    };
    const guarded = (begin: () => Outcome<void>) => () =>
      mode === "read" ? failure("io", path) : begin();
    return {
      write: (position, bytes, done) =>
        act(
          "write",
          done,
          guarded(() => this.#write({ path, file, mode, position }, bytes)),
        ),
      read: (position, length, done) =>
        act("read", done, () => success(file.read(position, length))),
      size: (done) => act("size", done, () => success(file.size)),
      truncate: (length, done) =>
        act(
          "truncate",
          done,
          guarded(() => success(undefined, file.change(length))),
        ),
      sync: (done) => act("sync", done, () => success(undefined, file.sync())),
      close: (done) => act("close", done, () => success(undefined)),
    };
  }

  #write(at: OpenPlace, bytes: Uint8Array): Outcome<void> {
    const { path, file, mode, position } = at;
    const growth = position + bytes.length - file.size;
    const room = growth > 0 ? this.#capacityBytes - this.usedBytes() : growth;
    const change = () => file.change(position, bytes, mode === "create-synced");
    if (room >= growth) return success(undefined, change());
    const fitting = Math.max(0, bytes.length - (growth - Math.max(0, room)));
    if (fitting > 0) file.change(position, bytes.subarray(0, fitting));
    return failure("no-space", path);
  }

  /** Every call: count it, meet its fault or begin it, let the observer see, complete it later. */
  #act<T>(target: CallTarget, done: Done<T>, begin: () => Outcome<T>): void {
    this.#calls += 1;
    const { kind, path } = target;
    const call: DiskCall = { number: this.#calls, kind, path, isSynced: isSynced(target) };
    const fault = leavesRoot(target) ? "io" : this.#fault?.(call);
    const outcome = fault === undefined ? begin() : failure(fault, target.path);
    if (fault !== undefined && !leavesRoot(target)) this.#failedSync(target, begin);
    this.#observer?.(call);
    const life = this.#life;
    this.#options.clock.after(this.#options.latency?.(call) ?? 0, () => {
      if (life !== this.#life) return;
      if (!outcome.ok) return finishFailed(done, outcome.error);
      outcome.end?.();
      done(undefined, outcome.value);
    });
  }

  /**
   * S3. A failed write of a synced file is in the page cache, as that of any file before its sync.
   */
  #failedSync(target: CallTarget, begin: () => unknown): void {
    const isWrite = target.kind === "write" && isSynced(target);
    if (isWrite) begin();
    if (isWrite || target.kind === "sync") target.file?.syncFailed(this.#options.random);
  }

  #lookup(path: string): FileState | undefined {
    const { directory, name } = this.#split(path);
    return directory?.current.get(name);
  }

  #split(path: string): { readonly directory: Directory | undefined; readonly name: string } {
    return { directory: this.#directories.get(parentOf(path)), name: nameOf(path) };
  }

  #remains(loss: CrashLoss): Map<string, Directory> {
    if (loss === "process") return this.#copy();
    const random = drawFor(loss, this.#options.random);
    const survivors = new Map<FileState, FileState>();
    const survive = (file: FileState) => {
      const survivor = survivors.get(file) ?? file.survivor(random);
      survivors.set(file, survivor);
      return survivor;
    };
    const result = new Map<string, Directory>();
    for (const [path, directory] of this.#directories) {
      const kept = directory.named || random.below(2) === 1;
      if (!kept || (path !== "." && !result.has(parentOf(path)))) continue;
      const names = new Map(directory.durable);
      for (const item of directory.pending) if (random.below(2) === 1) apply(names, item);
      const left = newDirectory(true);
      for (const [name, file] of names) left.durable.set(name, survive(file));
      for (const [name, file] of left.durable) left.current.set(name, file);
      result.set(path, left);
    }
    return result;
  }

  #copy(): Map<string, Directory> {
    const copies = new Map<FileState, FileState>();
    const copyOf = (file: FileState) => {
      const copy = copies.get(file) ?? file.copy();
      copies.set(file, copy);
      return copy;
    };
    const names = (from: ReadonlyMap<string, FileState>) =>
      new Map([...from].map(([name, file]) => [name, copyOf(file)]));
    const copyDirectory = ({ current, durable, pending, named }: Directory): Directory => ({
      current: names(current),
      durable: names(durable),
      pending: pending.map((item) => ({ ...item, ...(item.file && { file: copyOf(item.file) }) })),
      named,
    });
    return new Map([...this.#directories].map(([path, item]) => [path, copyDirectory(item)]));
  }
}

interface CallTarget {
  readonly kind: DiskCallKind;
  readonly path: string;
  readonly to?: string;
  readonly file?: FileState;
  readonly mode?: OpenMode;
}

interface OpenPlace {
  readonly path: string;
  readonly file: FileState;
  readonly mode: OpenMode;
  readonly position: number;
}

function isSynced({ kind, mode }: CallTarget): boolean {
  return (
    kind === "sync" || kind === "syncDirectory" || (kind === "write" && mode === "create-synced")
  );
}

type Outcome<T> =
  | { readonly ok: true; readonly value: T; readonly end?: () => void }
  | { readonly ok: false; readonly error: DiskError };

/** One change of names; a rename is one change. */
interface NameChange {
  readonly set?: string;
  readonly file?: FileState;
  readonly unset?: string;
}

interface Directory {
  readonly current: Map<string, FileState>;
  readonly durable: Map<string, FileState>;
  readonly pending: NameChange[];
  /** Its own name is durable. */
  named: boolean;
}

function newDirectory(named: boolean): Directory {
  return { current: new Map(), durable: new Map(), pending: [], named };
}

function change(directory: Directory, item: NameChange): void {
  apply(directory.current, item);
  directory.pending.push(item);
}

function apply(names: Map<string, FileState>, item: NameChange): void {
  if (item.unset !== undefined) names.delete(item.unset);
  if (item.set !== undefined && item.file !== undefined) names.set(item.set, item.file);
}

function drawFor(loss: CrashLoss, random: Random): Pick<Random, "below"> {
  if (loss === "random") return random;
  return { below: (bound) => (loss === "nothing" ? bound - 1 : 0) };
}

function success<T>(value: T, end?: () => void): Outcome<T> {
  return { ok: true, value, ...(end && { end }) };
}

function failure(code: DiskError["code"], path: string): Outcome<never> {
  return { ok: false, error: { code, message: `simulated ${code} '${path}'` } };
}

function leavesRoot(target: CallTarget): boolean {
  const names = target.to === undefined ? [target.path] : [target.path, target.to];
  return names.some((name) => name === "" || /^\/|^(.*\/)?\.\.(\/|$)/.test(name));
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : path.slice(0, slash);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
