/**
 * Finds where a message's body ends in the bytes of a connection, without changing them. Chunks are
 * checked as strictly as heads: sizes in hexadecimal digits alone, CRLF and nothing else behind
 * them.
 *
 * Invariants:
 *   M1. `feed` never takes a byte beyond the end: what follows is the next message's.
 *   M2. After `bad` or the end nothing is taken any more.
 */
import { HTTP_CHUNK_LINE_BYTES_MAX, HTTP_TRAILER_BYTES_MAX } from "../limits.ts";
import type { Framing } from "./http-head.ts";

/** How many of the fed bytes belong to the body; `bad`: it cannot be one. */
export type Fed = { readonly taken: number } | { readonly bad: string };

const CR = 13;
const LF = 10;
const SEMICOLON = 59;

type ChunkState = "size" | "extension" | "size-lf" | "data" | "data-cr" | "data-lf" | "trailer";

export class BodyReader {
  readonly #framing: Framing;
  /** Bytes to come of the body, or of the chunk. */
  #left: number;
  #state: ChunkState = "size";
  #digits = 0;
  #lineBytes = 0;
  #trailerBytes = 0;
  /** Length of the trailer line so far. */
  #trailerLine = 0;
  #trailerCr = false;
  #over: boolean;

  constructor(framing: Framing) {
    this.#framing = framing;
    this.#left = framing.kind === "length" ? framing.bytes : 0;
    this.#over = framing.kind === "none";
  }

  isOver(): boolean {
    return this.#over;
  }

  /** The connection ended: true when that is where the body ends. */
  ended(): boolean {
    if (this.#framing.kind === "until-close") this.#over = true;
    return this.#over;
  }

  feed(bytes: Buffer): Fed {
    if (this.#over) return { taken: 0 };
    switch (this.#framing.kind) {
      case "none":
        return { taken: 0 };
      case "until-close":
        return { taken: bytes.length };
      case "length":
        return { taken: this.#length(bytes.length) };
      case "chunked":
        return this.#chunked(bytes);
    }
  }

  #length(count: number): number {
    const taken = Math.min(count, this.#left);
    this.#left -= taken;
    this.#over = this.#left === 0;
    return taken;
  }

  #chunked(bytes: Buffer): Fed {
    let at = 0;
    while (at < bytes.length && !this.#over) {
      if (this.#state === "data") {
        const taken = Math.min(bytes.length - at, this.#left);
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) this.#state = "data-cr";
        continue;
      }
      const bad = this.#byte(bytes[at] ?? 0);
      if (bad !== undefined) {
        this.#over = true; // M2
        return { bad };
      }
      at += 1;
    }
    return { taken: at };
  }

  /** One byte that is not of a chunk's data. */
  #byte(byte: number): string | undefined {
    switch (this.#state) {
      case "size":
        return this.#size(byte);
      case "extension":
        return this.#extension(byte);
      case "size-lf":
        if (byte !== LF) return "a chunk size that does not end in CRLF";
        this.#lineBytes = 0;
        this.#state = this.#left === 0 ? "trailer" : "data";
        return undefined;
      case "data-cr":
        this.#state = "data-lf";
        return byte === CR ? undefined : "a chunk longer than its size";
      case "data-lf":
        this.#state = "size";
        this.#digits = 0;
        return byte === LF ? undefined : "a chunk that does not end in CRLF";
      default:
        return this.#trailer(byte);
    }
  }

  #size(byte: number): string | undefined {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#digits += 1;
      this.#left = this.#left * 16 + digit;
      // 12 digits are far below what a number holds exactly.
      return this.#digits > 12 ? "a chunk size of more than 12 digits" : undefined;
    }
    if (this.#digits === 0) return "a chunk without a size";
    if (byte === CR) this.#state = "size-lf";
    else if (byte === SEMICOLON) this.#state = "extension";
    else return "a chunk size that is no number";
    return undefined;
  }

  #extension(byte: number): string | undefined {
    this.#lineBytes += 1;
    if (this.#lineBytes > HTTP_CHUNK_LINE_BYTES_MAX) return "a chunk extension that is too long";
    if (byte === CR) this.#state = "size-lf";
    else if (byte < 32 && byte !== 9) return "a control character in a chunk extension";
    return undefined;
  }

  #trailer(byte: number): string | undefined {
    this.#trailerBytes += 1;
    if (this.#trailerBytes > HTTP_TRAILER_BYTES_MAX) return "a trailer that is too long";
    if (this.#trailerCr) {
      if (byte !== LF) return "a trailer line that does not end in CRLF";
      this.#trailerCr = false;
      this.#over = this.#trailerLine === 0;
      this.#trailerLine = 0;
    } else if (byte === CR) this.#trailerCr = true;
    else if (byte < 32 && byte !== 9) return "a control character in a trailer";
    else this.#trailerLine += 1;
    return undefined;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
