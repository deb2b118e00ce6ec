/** Reads one output file line by line, forward, with the time of each line. */
import type { TaskId } from "@skein/common/ids";
import type { Disk, DiskError, DiskFile } from "@skein/common/io/disk";
import type { SplitLine } from "./line-splitter.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { StreamName } from "./log-files.ts";
import { marksPath, outputPath } from "./log-files.ts";
import { LogMarks } from "./log-marks.ts";
import { findStart, HOLE_BLOCK_BYTES, isHole } from "./log-start.ts";
import type { LogTailer } from "./log-tailer.ts";
import { readMarks } from "./log-tailer.ts";

const NEWLINE = 10;

export interface TimedLine extends SplitLine {
  readonly at: number;
  readonly late: boolean;
}

export interface CursorPorts {
  readonly disk: Disk;
  readonly tailer: LogTailer;
  /** Wall milliseconds. */
  readonly wall: () => number;
}

type Opened = (error: DiskError | undefined, cursor?: LogCursor) => void;

/** Opens a stream at its beginning. A file that is not there is an error: it has no lines. */
export function openCursor(
  ports: CursorPorts,
  target: { readonly task: TaskId; readonly name: StreamName },
  done: Opened,
): void {
  const { task, name } = target;
  ports.disk.open(outputPath(task, name), "read", (error, file) => {
    if (error !== undefined) return done(error);
    if (ports.tailer.marks(task, name) !== undefined) {
      return done(undefined, new LogCursor(ports, { ...target, file, stored: new LogMarks() }));
    }
    storedMarks(ports.disk, target, (stored) => {
      done(undefined, new LogCursor(ports, { ...target, file, stored }));
    });
  });
}

function storedMarks(
  disk: Disk,
  { task, name }: { readonly task: TaskId; readonly name: StreamName },
  done: (marks: LogMarks) => void,
): void {
  disk.open(marksPath(task, name), "read", (error, file) => {
    // Without times the lines are still worth reading.
    if (error !== undefined) return done(new LogMarks());
    readMarks(file, (_readError, marks) => file.close(() => done(marks)));
  });
}

interface CursorTarget {
  readonly task: TaskId;
  readonly name: StreamName;
  readonly file: DiskFile;
  readonly stored: LogMarks;
}

export class LogCursor {
  readonly task: TaskId;
  readonly name: StreamName;
  readonly #tailer: LogTailer;
  readonly #wall: () => number;
  readonly #file: DiskFile;
  /** Kept from the tailer when it lets go of the stream. */
  #marks: LogMarks;
  readonly #splitter = new LineSplitter(0);
  #line: TimedLine | undefined;
  /** The beginning of a line must be found first: `seek` went into the middle of one. */
  #skipping = false;

  constructor(ports: CursorPorts, target: CursorTarget) {
    this.task = target.task;
    this.name = target.name;
    this.#tailer = ports.tailer;
    this.#wall = ports.wall;
    this.#file = target.file;
    this.#marks = target.stored;
  }

  /** The next line, if it has been read. */
  line(): TimedLine | undefined {
    return this.#line;
  }

  take(): void {
    this.#line = undefined;
    this.#find(false);
  }

  marks(): LogMarks {
    this.#marks = this.#tailer.marks(this.task, this.name) ?? this.#marks;
    return this.#marks;
  }

  /** When the byte at `offset` was written, as far as known. */
  markAt(offset: number): { readonly at: number; readonly late: boolean } {
    const marks = this.marks();
    const mark = marks.at(offset);
    if (mark !== undefined) return mark;
    // Read before the tailer looked: it was written just now. Of an ended task the times were lost.
    const growing = this.#tailer.grows(this.task);
    return { at: (growing ? undefined : marks.last()?.at) ?? this.#wall(), late: false };
  }

  file(): DiskFile {
    return this.#file;
  }

  /** Goes on with the first line that begins at or after `offset`. */
  seek(offset: number): void {
    this.#line = undefined;
    // The byte before tells whether `offset` begins a line.
    this.#skipping = offset > 0;
    this.#splitter.reset(Math.max(0, offset - 1));
  }

  /**
   * Reads until there is a line. `done(false)`: there is none now; none will come either unless the
   * tailer says that the task still grows.
   */
  fill(pieceBytes: number, done: (found: boolean) => void): void {
    if (this.#line !== undefined) return done(true);
    // Asked before the size: what is written in between is found by the next look.
    const final = !this.#tailer.grows(this.task);
    this.#file.size((sizeError, size) => {
      const position = this.#splitter.position();
      if (sizeError !== undefined) return done(false);
      if (size < position) {
        // The program truncated its own output: go on with what it writes from here.
        this.#splitter.reset(size);
        return done(false);
      }
      const length = Math.min(pieceBytes, size - position);
      if (length === 0) return done(this.#find(final));
      this.#file.read(position, length, (error, piece) => {
        if (error !== undefined || piece.length === 0) return done(false);
        if (isHole(piece.subarray(0, HOLE_BLOCK_BYTES)))
          return this.#skipHole(position, pieceBytes, done);
        this.#splitter.push(piece);
        if (this.#find(final && position + piece.length === size)) return done(true);
        this.fill(pieceBytes, done);
      });
    });
  }

  /** What should be read next was dropped to bound the output: go on with what is left of it. */
  #skipHole(position: number, pieceBytes: number, done: (found: boolean) => void): void {
    findStart(this.#file, (start) => {
      // The program's own zeros, further on: nobody's line, but nothing to stop at either.
      this.seek(start > position ? start : position + pieceBytes);
      this.fill(pieceBytes, done);
    });
  }

  close(): void {
    this.#file.close(() => undefined);
  }

  #find(final: boolean): boolean {
    const line = this.#splitter.next(final);
    if (line === undefined) return false;
    if (this.#skipping) {
      this.#skipping = line.bytes.at(-1) !== NEWLINE;
      return this.#find(final);
    }
    const mark = this.markAt(line.offset);
    this.#line = { ...line, at: mark.at, late: mark.late };
    return true;
  }
}
