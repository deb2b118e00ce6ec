/**
 * What has arrived of a snapshot whose transfer is not complete, with its checksum: the transfer
 * that follows a broken one goes on behind it. Seen by nobody else before it is whole; dropped when
 * another snapshot begins, or nobody goes on with it for a while.
 */
import type { Clock, Timer } from "@skein/common/io/clock";
import { crc32 } from "@skein/common/wire/crc32";
import { SNAPSHOT_PARTIAL_KEPT_MS } from "../limits.ts";

/** So many bytes, and their checksum. */
export interface Beginning {
  readonly position: number;
  readonly sum: number;
}

export interface SnapshotName {
  readonly index: number;
  readonly term: number;
  readonly totalBytes: number;
}

export class PartialSnapshot {
  readonly #clock: Clock;
  #name: SnapshotName | undefined;
  #state = new Uint8Array(0);
  #filled: Beginning = NOTHING;
  /** The transfer that fills it: an older one, whose end was not noticed yet, must not. */
  #owner: object | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isComplete(): boolean {
    return this.#name !== undefined && this.#filled.position === this.#name.totalBytes;
  }

  /** A transfer begins; what is here of this very snapshot, or nothing. */
  claim(owner: object, name: SnapshotName): Beginning {
    this.#owner = owner;
    this.#touch();
    if (!isSame(this.#name, name)) {
      this.#name = name;
      this.#state = new Uint8Array(name.totalBytes);
      this.#filled = NOTHING;
    }
    return this.#filled;
  }

  /** The problem, or undefined. One that begins anew has other bytes than are here. */
  add(
    owner: object,
    { position, data }: { readonly position: number; readonly data: Uint8Array },
  ): string | undefined {
    if (owner !== this.#owner) return "another transfer has begun since";
    if (position === 0) this.#filled = NOTHING;
    if (position !== this.#filled.position) return `chunk at ${position}`;
    if (position + data.length > this.#state.length) return "longer than announced";
    this.#touch();
    this.#state.set(data, position);
    const sum = crc32(data, this.#filled.sum);
    this.#filled = { position: position + data.length, sum };
    return undefined;
  }

  /** The whole, which is kept here no longer. */
  take(): Uint8Array {
    const state = this.#state;
    this.#drop();
    return state;
  }

  #touch(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(SNAPSHOT_PARTIAL_KEPT_MS, () => this.#drop());
  }

  #drop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#owner = undefined;
    this.#name = undefined;
    this.#state = new Uint8Array(0);
    this.#filled = NOTHING;
  }
}

const NOTHING: Beginning = { position: 0, sum: 0 };

function isSame(known: SnapshotName | undefined, name: SnapshotName): boolean {
  return (
    known?.index === name.index && known.term === name.term && known.totalBytes === name.totalBytes
  );
}
