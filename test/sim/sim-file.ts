/**
 * The bytes of one file of the simulated disk: what readers see, and what a crash leaves of them.
 */
import type { Random } from "@skein/common/io/random";

export const SECTOR_BYTES = 512;

/** A write, or, without bytes, a truncation to `position`. */
interface Change {
  readonly position: number;
  readonly bytes?: Uint8Array;
  /** Only a completed change is covered by a sync that is called now. */
  complete: boolean;
}

export class FileState {
  /** What readers see. While it is the same object as `#durable`, it is copied before a change. */
  #current: Uint8Array;
  #durable: Uint8Array;
  /** Another file has the same bytes: they are copied before a change. */
  #shared: boolean;
  #pending: Change[] = [];
  /** A sync failed: readers see more than is durable, and always will. */
  #lost = false;

  constructor(bytes: Uint8Array = new Uint8Array(0), shared = false) {
    this.#current = bytes;
    this.#durable = bytes;
    this.#shared = shared;
  }

  get size(): number {
    return this.#current.length;
  }

  read(position: number, length: number): Uint8Array {
    return this.#current.slice(position, position + length);
  }

  /**
   * Begins a change; it is complete, and `synced` durable, when the returned function is called.
   */
  change(position: number, bytes?: Uint8Array, synced = false): () => void {
    const copy = bytes?.slice();
    const change: Change = { position, complete: false, ...(copy && { bytes: copy }) };
    if (this.#current === this.#durable) this.#current = this.#durable.slice();
    this.#current = apply(this.#current, change);
    this.#pending.push(change);
    return () => {
      change.complete = true;
      if (synced) this.#settle(new Set([change]));
    };
  }

  /** Begins a sync; what it covers is durable when the returned function is called. */
  sync(): () => void {
    const covered = new Set(this.#pending.filter((change) => change.complete));
    return () => this.#settle(covered);
  }

  /** A sync failed: the disk has any part of the changes, and no later sync will bring the rest. */
  syncFailed(random: Pick<Random, "below">): void {
    this.#current = this.#current.slice();
    this.#durable = this.#remains(random);
    this.#shared = false;
    this.#pending = [];
    this.#lost = true;
  }

  /**
   * The file as the end of its process leaves it: the page cache lives on, nothing more is durable.
   */
  copy(): FileState {
    if (this.#isSettled()) return this.#share();
    const copy = new FileState(this.#durable.slice());
    copy.#lost = this.#lost;
    copy.#current = this.#current.slice();
    // What a dead process began has happened: no completion tells anybody.
    copy.#pending = this.#pending.map((change) => ({ ...change, complete: true }));
    return copy;
  }

  /** The file as a crash leaves it. */
  survivor(random: Pick<Random, "below">): FileState {
    if (this.#isSettled()) return this.#share();
    return new FileState(this.#remains(random));
  }

  /** Bit rot: changes what is durable and what is seen. */
  corrupt(change: (bytes: Uint8Array) => Uint8Array | void): void {
    const rotten = this.#current.slice();
    const bytes = change(rotten) ?? rotten;
    this.#current = bytes;
    this.#durable = bytes;
    this.#shared = false;
    this.#lost = false;
    this.#pending = [];
  }

  #isSettled(): boolean {
    return this.#pending.length === 0 && !this.#lost;
  }

  #share(): FileState {
    this.#shared = true;
    if (this.#current !== this.#durable) this.#current = this.#durable;
    return new FileState(this.#durable, true);
  }

  #settle(covered: ReadonlySet<Change>): void {
    if (this.#shared) {
      if (this.#current === this.#durable) this.#current = this.#durable.slice();
      this.#durable = this.#durable.slice();
      this.#shared = false;
    }
    for (const change of this.#pending) {
      if (covered.has(change)) this.#durable = apply(this.#durable, change);
    }
    this.#pending = this.#pending.filter((change) => !covered.has(change));
  }

  #remains(random: Pick<Random, "below">): Uint8Array {
    let bytes: Uint8Array = this.#durable.slice();
    for (const change of this.#pending) bytes = applyPart(bytes, change, random);
    return bytes;
  }
}

function apply(target: Uint8Array, change: Change): Uint8Array {
  const { position, bytes } = change;
  if (bytes === undefined) return resized(target, position);
  const grown = resized(target, Math.max(target.length, position + bytes.length));
  grown.set(bytes, position);
  return grown;
}

/** Drawn: nothing, everything, a prefix cut anywhere, or each sector on its own. */
function applyPart(target: Uint8Array, change: Change, random: Pick<Random, "below">): Uint8Array {
  const { position, bytes } = change;
  const fate = random.below(4);
  if (bytes === undefined) return fate === 0 ? target : apply(target, change);
  if (fate === 1) return apply(target, change);
  if (fate === 2) {
    const prefix = bytes.subarray(0, random.below(bytes.length + 1));
    return apply(target, { position, bytes: prefix, complete: true });
  }
  // The length may have reached the disk without the bytes.
  const end = random.below(2) === 1 ? position + bytes.length : 0;
  let result = resized(target, Math.max(target.length, end));
  if (fate === 0) return result;
  for (const sector of sectorsOf(position, bytes)) {
    if (random.below(2) === 1) result = apply(result, { ...sector, complete: true });
  }
  return result;
}

function sectorsOf(position: number, bytes: Uint8Array): { position: number; bytes: Uint8Array }[] {
  const sectors = [];
  let at = 0;
  while (at < bytes.length) {
    const next = at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES);
    sectors.push({ position: position + at, bytes: bytes.subarray(at, next) });
    at = next;
  }
  return sectors;
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  if (length <= bytes.length) return length === bytes.length ? bytes : bytes.slice(0, length);
  const grown = new Uint8Array(length);
  grown.set(bytes);
  return grown;
}
