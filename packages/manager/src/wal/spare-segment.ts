/**
 * The next segment, prepared in the background: created, filled with zeros, synced, its name
 * durable. So a rotation allocates nothing, appending changes no file size (the sync then skips the
 * file system's journal), and a full disk is met early, off the critical path.
 *
 * States: none -> preparing -> ready -> taken (none). A failed preparation leaves no file behind.
 */
import { assert } from "@skein/common/assert";
import type { DiskError, DiskFile, Done } from "@skein/common/io/disk";
import { finishFailed } from "@skein/common/io/disk";
import { WAL_SPARE_RETRY_BATCHES, WAL_ZERO_CHUNK_BYTES } from "../limits.ts";
import type { LogFiles } from "./log-files.ts";
import { segmentName } from "./segment.ts";

type SpareState =
  | { readonly kind: "none" }
  | { readonly kind: "preparing"; taker?: Done<DiskFile> }
  | { readonly kind: "ready"; readonly file: DiskFile };

export interface SpareOptions {
  readonly files: LogFiles;
  readonly segmentBytes: number;
  /** A preparation failed for which nobody waited. */
  readonly failed: (error: DiskError) => void;
  /** A preparation ended, well or not. */
  readonly ended: () => void;
}

const zeros = new Uint8Array(WAL_ZERO_CHUNK_BYTES);

export class SpareSegment {
  readonly #options: SpareOptions;
  #state: SpareState = { kind: "none" };
  #callsUntilRetry = 0;
  #idle: (() => void) | undefined;
  #isRefused = false;

  constructor(options: SpareOptions) {
    this.#options = options;
  }

  get ready(): boolean {
    return this.#state.kind === "ready";
  }

  /** The last preparation found no space. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Prepares now, however lately it failed. */
  retry(sequence: number): void {
    this.#callsUntilRetry = 0;
    this.prepare(sequence);
  }

  /**
   * Called after every batch: begins to prepare the segment unless that is done, or failed lately.
   */
  prepare(sequence: number): void {
    if (this.#state.kind !== "none" || this.#idle !== undefined) return;
    this.#callsUntilRetry -= 1;
    if (this.#callsUntilRetry <= 0) this.#begin(sequence);
  }

  /** Hands over the prepared file, waiting for it or preparing it now. */
  take(sequence: number, done: Done<DiskFile>): void {
    if (this.#state.kind === "none") this.#begin(sequence);
    const state = this.#state;
    if (state.kind === "preparing") {
      assert(state.taker === undefined, `segment ${sequence} is taken twice`);
      state.taker = done;
    } else if (state.kind === "ready") {
      this.#state = { kind: "none" };
      done(undefined, state.file);
    }
  }

  /** Does not wait for all the zeros: a part of a segment is replaced when the log is opened. */
  close(done: () => void): void {
    this.#idle = done;
    this.#settle();
  }

  #begin(sequence: number): void {
    this.#state = { kind: "preparing" };
    const name = segmentName(sequence);
    this.#options.files.replace(name, "create-synced", (error, file) => {
      if (error !== undefined) return this.#end(error);
      this.#fill(file, 0, (failed) => {
        if (failed === undefined) this.#end(undefined, file);
        else this.#abandon(name, file, failed);
      });
    });
  }

  #fill(file: DiskFile, from: number, done: Done): void {
    if (this.#idle !== undefined) return this.#stop(file);
    const left = this.#options.segmentBytes - from;
    if (left <= 0) return this.#options.files.syncNames(done);
    const chunk = left < zeros.length ? zeros.subarray(0, left) : zeros;
    file.write(from, chunk, (error) => {
      if (error !== undefined) done(error);
      else this.#fill(file, from + chunk.length, done);
    });
  }

  #stop(file: DiskFile): void {
    file.close(() => {
      this.#state = { kind: "none" };
      this.#settle();
    });
  }

  /** Gives the space back. */
  #abandon(name: string, file: DiskFile, error: DiskError): void {
    file.close(() => this.#options.files.remove(name, () => this.#end(error)));
  }

  #end(error: DiskError): void;
  #end(error: undefined, file: DiskFile): void;
  #end(error: DiskError | undefined, file?: DiskFile): void {
    const taker = this.#state.kind === "preparing" ? this.#state.taker : undefined;
    this.#state = { kind: "none" };
    this.#isRefused = error?.code === "no-space";
    if (error !== undefined) {
      this.#callsUntilRetry = WAL_SPARE_RETRY_BATCHES;
      if (taker === undefined) this.#options.failed(error);
      else finishFailed(taker, error);
    } else if (file !== undefined) {
      if (taker === undefined) this.#state = { kind: "ready", file };
      else taker(undefined, file);
    }
    this.#options.ended();
    this.#settle();
  }

  #settle(): void {
    const idle = this.#idle;
    if (idle === undefined || this.#state.kind === "preparing") return;
    if (this.#state.kind === "none") return idle();
    const { file } = this.#state;
    this.#state = { kind: "none" };
    file.close(idle);
  }
}
