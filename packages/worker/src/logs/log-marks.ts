/**
 * When the bytes of an output file were written, as far as the tailer could tell: one mark per look
 * that found growth. Bounded: when there are too many, every second one goes and its bytes take the
 * time of the next.
 *
 * Invariants:
 *   M1. Marks are in order of `end`; a byte's time is that of the first mark that ends behind it.
 *   M2. At most LOG_MARKS_MAX marks.
 */
import { assert } from "@skein/common/assert";
import { LOG_MARKS_MAX } from "../limits.ts";

export interface LogMark {
  /** Offset behind the last byte. */
  readonly end: number;
  /** Wall milliseconds of the look. */
  readonly at: number;
  /** Written while no agent ran: `at` is when they were found. */
  readonly late: boolean;
}

/** On disk: `end`, then `at` doubled plus one when late, each a little-endian float of 8 bytes. */
export const MARK_BYTES = 16;

export class LogMarks {
  #marks: LogMark[] = [];

  /** Marks as read from disk, up to the first that cannot be one. */
  static decode(bytes: Uint8Array): LogMarks {
    const marks = new LogMarks();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + MARK_BYTES <= bytes.length; at += MARK_BYTES) {
      const end = view.getFloat64(at, true);
      const time = view.getFloat64(at + 8, true);
      const valid = Number.isSafeInteger(end) && Number.isSafeInteger(time) && time >= 0;
      if (!valid || end <= marks.end()) break;
      marks.add({ end, at: Math.floor(time / 2), late: time % 2 === 1 });
    }
    return marks;
  }

  /** True when older marks had to be thinned out. */
  add(mark: LogMark): boolean {
    assert(mark.end > this.end(), `M1: mark ${mark.end} after ${this.end()}`);
    this.#marks.push(mark);
    if (this.#marks.length <= LOG_MARKS_MAX) return false;
    const last = this.#marks.length - 1;
    this.#marks = this.#marks.filter((_, index) => index % 2 === 1 || index === last);
    return true;
  }

  clear(): void {
    this.#marks = [];
  }

  /** Bytes before this have a time. */
  end(): number {
    return this.#marks.at(-1)?.end ?? 0;
  }

  last(): LogMark | undefined {
    return this.#marks.at(-1);
  }

  count(): number {
    return this.#marks.length;
  }

  /** The mark of the byte at `offset`; undefined for bytes that no look has found yet. */
  at(offset: number): LogMark | undefined {
    return this.#marks[this.#search((mark) => mark.end > offset)];
  }

  /** Where the bytes begin that were written at or after `time`. */
  since(time: number): number {
    const index = this.#search((mark) => mark.at >= time);
    return this.#marks[index - 1]?.end ?? 0;
  }

  encode(): Uint8Array {
    const bytes = new Uint8Array(this.#marks.length * MARK_BYTES);
    for (const [index, mark] of this.#marks.entries())
      bytes.set(encodeMark(mark), index * MARK_BYTES);
    return bytes;
  }

  /** First index for which `holds`, which once true stays true; the length if none. */
  #search(holds: (mark: LogMark) => boolean): number {
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const mark = this.#marks[middle];
      if (mark !== undefined && holds(mark)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

export function encodeMark(mark: LogMark): Uint8Array {
  const bytes = new Uint8Array(MARK_BYTES);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, mark.end, true);
  view.setFloat64(8, mark.at * 2 + (mark.late ? 1 : 0), true);
  return bytes;
}
