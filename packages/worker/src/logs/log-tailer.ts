/**
 * Looks at the output files of running tasks and notes when they grew. The output itself stays
 * where the task wrote it: neither copied nor held in memory.
 *
 * Invariants:
 *   G1. One look at a stream at a time; its marks file is written by nobody else.
 *   G2. `finish` gives the last bytes their time before it closes the files.
 */
import type { TaskId } from "@skein/common/ids";

import type { Clock, Timer } from "@skein/common/io/clock";
import type { Disk, DiskError, DiskFile } from "@skein/common/io/disk";
import type { Log } from "@skein/common/io/log";
import type { Instant } from "@skein/common/time";
import { later } from "@skein/common/time";
import { TAIL_CALM_MS, TAIL_FAST_FOR_MS, TAIL_FAST_MS, TAIL_PARALLEL_MAX } from "../limits.ts";
import type { StreamName } from "./log-files.ts";
import { marksPath, outputPath, STREAMS } from "./log-files.ts";
import type { LogMark } from "./log-marks.ts";
import { encodeMark, LogMarks, MARK_BYTES } from "./log-marks.ts";

export interface TailerPorts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
}

interface Stream {
  readonly task: TaskId;
  readonly name: StreamName;
  readonly output: DiskFile;
  readonly times: DiskFile;
  readonly marks: LogMarks;
  lookAt: Instant;
  fastUntil: Instant;
  /** Waits for its turn, or is being looked at (G1). */
  busy: boolean;
  /** Set by `finish`: called after the last look. */
  closing: boolean;
}

export class LogTailer {
  readonly #ports: TailerPorts;
  readonly #streams = new Map<string, Stream>();
  /** Tasks whose streams will still grow, or are still being opened or looked at a last time. */
  readonly #open = new Map<TaskId, number>();
  /** Tasks that may start: they have no files yet. */
  readonly #expected = new Set<TaskId>();
  /** Tasks that ended, maybe before their files were open. */
  readonly #ended = new Set<TaskId>();
  readonly #queue: (() => void)[] = [];
  readonly #watchers = new Set<(task: TaskId) => void>();
  #looking = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(ports: TailerPorts) {
    this.#ports = ports;
  }

  /** The task may start soon: whoever follows it waits. */
  expect(task: TaskId): void {
    this.#expected.add(task);
  }

  /** `adopted`: what is there without a time was written while no agent ran. */
  track(task: TaskId, adopted: boolean): void {
    this.#expected.delete(task);
    if (this.#open.has(task)) return;
    this.#open.set(task, STREAMS.length);
    for (const name of STREAMS) this.#openStream(task, name, adopted);
    this.#arm();
  }

  /** The task ended, started or not: a last look, then its files are closed. */
  finish(task: TaskId): void {
    if (this.#expected.delete(task)) this.#tell(task);
    if (this.#open.has(task)) this.#ended.add(task);
    for (const name of STREAMS) {
      const stream = this.#streams.get(keyOf(task, name));
      if (stream !== undefined) this.#finishStream(stream);
    }
  }

  /** True while more output may come. */
  grows(task: TaskId): boolean {
    return this.#open.has(task) || this.#expected.has(task);
  }

  /** The times of a stream that is being tailed. */
  marks(task: TaskId, name: StreamName): LogMarks | undefined {
    return this.#streams.get(keyOf(task, name))?.marks;
  }

  /** Calls `watcher` with each task whose output grew, or came to its end. */
  watch(watcher: (task: TaskId) => void): { cancel(): void } {
    this.#watchers.add(watcher);
    return { cancel: () => this.#watchers.delete(watcher) };
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #openStream(task: TaskId, name: StreamName, adopted: boolean): void {
    const { disk, clock } = this.#ports;
    const failed = (error: DiskError): void => {
      // Without files there is no output: an engine that keeps none, or a task removed meanwhile.
      if (error.code !== "not-found") this.#complain(task, error);
      this.#left(task);
    };
    disk.open(outputPath(task, name), "read", (error, output) => {
      if (error !== undefined) return failed(error);
      openTimes(disk, marksPath(task, name), (timesError, times, marks) => {
        if (timesError !== undefined) return output.close(() => failed(timesError));
        const now = clock.now();
        const stream: Stream = {
          task,
          name,
          output,
          times,
          marks,
          lookAt: now,
          fastUntil: later(now, TAIL_FAST_FOR_MS),
          busy: false,
          closing: this.#ended.has(task),
        };
        this.#streams.set(keyOf(task, name), stream);
        this.#enqueue(stream, adopted);
      });
    });
  }

  #finishStream(stream: Stream): void {
    if (stream.closing) return;
    stream.closing = true;
    // A look under way began before the end: one more follows it (G2).
    if (!stream.busy) this.#enqueue(stream, false);
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#closed || this.#open.size === 0) return;
    this.#timer = this.#ports.clock.after(TAIL_FAST_MS, () => {
      this.#timer = undefined;
      const now = this.#ports.clock.now();
      for (const stream of this.#streams.values()) {
        if (!stream.busy && now >= stream.lookAt) this.#enqueue(stream, false);
      }
      this.#arm();
    });
  }

  #enqueue(stream: Stream, late: boolean): void {
    stream.busy = true;
    this.#queue.push(() => this.#look(stream, late));
    this.#next();
  }

  #next(): void {
    while (this.#looking < TAIL_PARALLEL_MAX && !this.#closed) {
      const look = this.#queue.shift();
      if (look === undefined) return;
      this.#looking += 1;
      look();
    }
  }

  #look(stream: Stream, late: boolean): void {
    const last = stream.closing;
    stream.output.size((error, size) => {
      if (error !== undefined) {
        this.#complain(stream.task, error);
        return this.#looked(stream, last);
      }
      const known = stream.marks.end();
      if (size === known) return this.#looked(stream, last);
      const mark = { end: size, at: this.#ports.clock.wall(), late };
      this.#note(stream, mark, () => {
        const now = this.#ports.clock.now();
        stream.fastUntil = later(now, TAIL_FAST_FOR_MS);
        this.#tell(stream.task);
        this.#looked(stream, last);
      });
    });
  }

  /** Adds the mark, in memory and on disk. Times are worth no sync: lost ones are late ones. */
  #note(stream: Stream, mark: LogMark, done: () => void): void {
    const { marks, times } = stream;
    const written = (error: DiskError | undefined): void => {
      if (error !== undefined) this.#complain(stream.task, error);
      done();
    };
    const position = marks.count() * MARK_BYTES;
    const cut = mark.end < marks.end();
    // The program truncated its own output: what is left counts as written now.
    if (cut) marks.clear();
    const rewrite = mark.end > 0 && marks.add(mark);
    if (!cut && !rewrite) return times.write(position, encodeMark(mark), written);
    times.truncate(0, (error) => {
      if (error !== undefined) return written(error);
      times.write(0, marks.encode(), written);
    });
  }

  #looked(stream: Stream, last: boolean): void {
    this.#looking -= 1;
    const now = this.#ports.clock.now();
    stream.lookAt = later(now, now < stream.fastUntil ? TAIL_FAST_MS : TAIL_CALM_MS);
    stream.busy = false;
    if (last) this.#closeStream(stream);
    else if (stream.closing) this.#enqueue(stream, false);
    this.#next();
  }

  #closeStream(stream: Stream): void {
    this.#streams.delete(keyOf(stream.task, stream.name));
    stream.times.close(() => undefined);
    stream.output.close(() => undefined);
    this.#left(stream.task);
  }

  #left(task: TaskId): void {
    const left = (this.#open.get(task) ?? 1) - 1;
    if (left > 0) {
      this.#open.set(task, left);
      return;
    }
    this.#open.delete(task);
    this.#ended.delete(task);
    this.#tell(task);
  }

  #tell(task: TaskId): void {
    for (const watcher of this.#watchers) watcher(task);
  }

  #complain(task: TaskId, error: DiskError): void {
    this.#ports.log.write("warn", "cannot tail output", { task, error: error.message });
  }
}

function keyOf(task: TaskId, name: StreamName): string {
  return `${task} ${name}`;
}

type TimesOpened = (error: DiskError | undefined, file: DiskFile, marks: LogMarks) => void;

function openTimes(disk: Disk, path: string, done: TimesOpened): void {
  disk.open(path, "create", (createError, fresh) => {
    if (createError?.code !== "exists") return done(createError, fresh, new LogMarks());
    disk.open(path, "read-write", (error, file) => {
      if (error !== undefined) return done(error, file, new LogMarks());
      readMarks(file, (readError, marks) => done(readError, file, marks));
    });
  });
}

/** The marks of a stream that is not tailed (any more). */
export function readMarks(
  file: DiskFile,
  done: (error: DiskError | undefined, marks: LogMarks) => void,
): void {
  file.size((sizeError, size) => {
    if (sizeError !== undefined) return done(sizeError, new LogMarks());
    file.read(0, size, (error, bytes) => {
      done(error, error === undefined ? LogMarks.decode(bytes) : new LogMarks());
    });
  });
}
