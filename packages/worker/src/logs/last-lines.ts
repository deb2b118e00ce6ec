/**
 * Where the last lines of a file begin: read backwards, so that `tail` of a long file costs little.
 */
import type { DiskFile } from "@skein/common/io/disk";
import { LOG_READ_BYTES } from "../limits.ts";
import { isHole } from "./log-start.ts";

const NEWLINE = 10;

export interface LastLines {
  readonly count: number;
  /** What follows the last line end counts as a line: nothing will be added to it. */
  readonly final: boolean;
}

export interface FoundLines {
  /** Offsets of the beginnings, first to last; at most `count`. */
  readonly starts: readonly number[];
  /** Where the line after the last one begins. */
  readonly end: number;
}

export function findLastLines(
  file: DiskFile,
  wanted: LastLines,
  done: (found: FoundLines) => void,
): void {
  file.size((error, size) => {
    if (error !== undefined) return done({ starts: [], end: 0 });
    new Backwards(file, wanted, done).from(size);
  });
}

class Backwards {
  readonly #file: DiskFile;
  readonly #wanted: LastLines;
  readonly #done: (found: FoundLines) => void;
  /** Last to first. */
  readonly #starts: number[] = [];
  #size = 0;
  /** The end of the last line, once it has been passed. */
  #end: number | undefined;

  constructor(file: DiskFile, wanted: LastLines, done: (found: FoundLines) => void) {
    this.#file = file;
    this.#wanted = wanted;
    this.#done = done;
  }

  from(size: number): void {
    this.#size = size;
    if (this.#wanted.final) this.#end = size;
    this.#read(size);
  }

  #read(end: number): void {
    const position = Math.max(0, end - LOG_READ_BYTES);
    if (end === 0) {
      if (this.#end !== undefined && this.#size > 0) this.#starts.push(0);
      return this.#finish();
    }
    this.#file.read(position, end - position, (error, bytes) => {
      if (error !== undefined || isHole(bytes)) return this.#finish();
      this.#scan(bytes, position);
      if (this.#isComplete()) return this.#finish();
      this.#read(position);
    });
  }

  #scan(bytes: Uint8Array, position: number): void {
    let at = bytes.lastIndexOf(NEWLINE);
    while (at >= 0 && !this.#isComplete()) {
      const start = position + at + 1;
      if (this.#end === undefined) this.#end = start;
      else if (start < this.#size) this.#starts.push(start);
      at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1);
    }
  }

  #isComplete(): boolean {
    return this.#end !== undefined && this.#starts.length >= this.#wanted.count;
  }

  #finish(): void {
    const starts = this.#starts.slice(0, this.#wanted.count).toReversed();
    this.#done({ starts, end: this.#end ?? 0 });
  }
}
