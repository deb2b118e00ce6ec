/**
 * Whole lines out of bytes that arrive in pieces. What is held never exceeds one line's limit by
 * more than one piece.
 */
import { LOG_LINE_BYTES_MAX } from "../limits.ts";

export interface SplitLine {
  /** Offset of its first byte in the file. */
  readonly offset: number;
  /** Its line end included. */
  readonly bytes: Uint8Array;
  /** Cut off at the limit: the next one goes on with it. */
  readonly partial: boolean;
}

const NEWLINE = 10;

export class LineSplitter {
  #held: Uint8Array = new Uint8Array(0);
  /** Offset of the first byte held. */
  #offset: number;
  /** No newline before this index of `#held`. */
  #searched = 0;

  constructor(offset: number) {
    this.#offset = offset;
  }

  /** Where the next piece must begin. */
  position(): number {
    return this.#offset + this.#held.length;
  }

  /** Starts over elsewhere. */
  reset(offset: number): void {
    this.#held = new Uint8Array(0);
    this.#offset = offset;
    this.#searched = 0;
  }

  push(piece: Uint8Array): void {
    if (this.#held.length === 0) {
      this.#held = piece;
      return;
    }
    const joined = new Uint8Array(this.#held.length + piece.length);
    joined.set(this.#held);
    joined.set(piece, this.#held.length);
    this.#held = joined;
  }

  /** The next whole line; at the end of the file (`final`) also what is left without a line end. */
  next(final: boolean): SplitLine | undefined {
    const newline = this.#held.indexOf(NEWLINE, this.#searched);
    const length = newline < 0 ? this.#held.length : newline + 1;
    if (length > LOG_LINE_BYTES_MAX) return this.#take(LOG_LINE_BYTES_MAX, true);
    if (newline >= 0) return this.#take(length, false);
    this.#searched = this.#held.length;
    return final && length > 0 ? this.#take(length, false) : undefined;
  }

  #take(length: number, partial: boolean): SplitLine {
    const line = { offset: this.#offset, bytes: this.#held.slice(0, length), partial };
    this.#held = this.#held.subarray(length);
    this.#offset += length;
    this.#searched = 0;
    return line;
  }
}
