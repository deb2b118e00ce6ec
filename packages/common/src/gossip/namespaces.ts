/**
 * Versioned namespaces, one an owner (scuttlebutt; chitchat): a record carries the sequence number
 * its owner gave it, and whoever has an owner at sequence n has everything written up to n.
 *
 * Invariants:
 *   N1. Only the owner gives numbers. Nobody else deletes, renews or invents a record; a failed
 *       owner's data is hidden by its readers, never changed.
 *   N2. A delta is taken only on what it builds on; a gap is asked for, never guessed.
 *   N3. A deletion is a record too, also of a key that was never heard of: what is late cannot
 *       bring it back.
 *   N4. Once tombstones were dropped (floor), whoever is older gets the whole namespace.
 *   N5. A later epoch replaces the namespace as soon as its beginning is there.
 */
import type { NodeId } from "../ids.ts";
import { compareIds } from "../ids.ts";
import { GOSSIP_DELTA_CHARACTERS_MAX, GOSSIP_TOMBSTONE_MS } from "../limits.ts";
import type { Instant } from "../time.ts";
import type { Delta, GossipRecord, VersionRow } from "../wire/gossip-messages.ts";
import type { Root } from "./hash.ts";
import { RootSum } from "./hash.ts";

interface Entry {
  readonly record: GossipRecord;
  /** When it became known here: how long a tombstone is kept. */
  readonly at: Instant;
}

interface Namespace {
  epoch: number;
  seq: number;
  floor: number;
  readonly entries: Map<string, Entry>;
  tombstones: number;
}

export type Taken = "news" | "old" | "gap";

export class Namespaces {
  readonly #spaces = new Map<NodeId, Namespace>();
  readonly #root = new RootSum();

  version(owner: NodeId): VersionRow {
    const space = this.#spaces.get(owner);
    return [owner, space?.epoch ?? 0, space?.seq ?? 0];
  }

  /** Values by key, in order of key; tombstones are not shown. */
  values(owner: NodeId): readonly (readonly [string, string])[] {
    const entries = this.#spaces.get(owner)?.entries ?? new Map<string, Entry>();
    const values: [string, string][] = [];
    for (const { record } of entries.values()) {
      if (record.value !== undefined) values.push([record.key, record.value]);
    }
    return values.toSorted(([a], [b]) => compareIds(a, b));
  }

  value(owner: NodeId, key: string): string | undefined {
    return this.#spaces.get(owner)?.entries.get(key)?.record.value;
  }

  /** True when the key was deleted, and that is still remembered. */
  isDeleted(owner: NodeId, key: string): boolean {
    const entry = this.#spaces.get(owner)?.entries.get(key);
    return entry !== undefined && entry.record.value === undefined;
  }

  /** Keys, tombstones included. */
  keyCount(owner: NodeId): number {
    return this.#spaces.get(owner)?.entries.size ?? 0;
  }

  owners(): readonly NodeId[] {
    return [...this.#spaces.keys()].toSorted(compareIds);
  }

  take(now: Instant, delta: Delta): Taken {
    const known = this.#spaces.get(delta.owner);
    const fresh = known === undefined || delta.epoch > known.epoch;
    if (!fresh && (delta.epoch < known.epoch || delta.to <= known.seq)) return "old";
    if (delta.base > (fresh ? 0 : known.seq)) return "gap"; // N2
    const space = fresh || delta.base === 0 ? this.#renew(delta) : known;
    this.#toggle(delta.owner, space);
    for (const record of delta.records) this.#put(space, now, record);
    space.seq = delta.to;
    this.#toggle(delta.owner, space);
    return "news";
  }

  /** The owner's own write (N1): the next number, as a delta to pass on. */
  write(now: Instant, owner: NodeId, written: OwnWrites): Delta {
    const { epoch, put } = written;
    const known = this.#spaces.get(owner);
    const base = known?.epoch === epoch ? known.seq : 0;
    const seq = written.seq ?? base + 1;
    const records = put.map(([key, value]) =>
      value === undefined ? { key, seq } : { key, value, seq },
    );
    const delta = { owner, epoch, base, to: seq, records };
    this.take(now, delta);
    return delta;
  }

  /** What somebody at `seq` of `epoch` lacks, in deltas of a message's length at most. */
  since([owner, epoch, seq]: VersionRow): readonly Delta[] {
    const space = this.#spaces.get(owner);
    if (space === undefined || epoch > space.epoch) return [];
    const same = epoch === space.epoch;
    if (same && seq >= space.seq) return [];
    const base = same && seq >= space.floor ? seq : 0; // N4
    const records = Array.from(space.entries.values(), ({ record }) => record)
      .filter((record) => record.seq > base)
      .toSorted((a, b) => a.seq - b.seq || compareIds(a.key, b.key));
    const whole = { owner, epoch: space.epoch, base, to: space.seq, records };
    // A reset that is cut could not be told from an increment: it goes in one piece.
    return base === 0 && space.floor > 0 ? [whole] : cut(whole);
  }

  drop(owner: NodeId): void {
    const space = this.#spaces.get(owner);
    if (space !== undefined) this.#toggle(owner, space);
    this.#spaces.delete(owner);
  }

  /** Forgets tombstones that everybody has heard of (N4). */
  dropTombstones(now: Instant): void {
    for (const space of this.#spaces.values()) {
      if (space.tombstones === 0) continue;
      for (const [key, { record, at }] of space.entries) {
        if (record.value !== undefined || now - at < GOSSIP_TOMBSTONE_MS) continue;
        space.entries.delete(key);
        space.tombstones -= 1;
        space.floor = Math.max(space.floor, record.seq);
      }
    }
  }

  root(): Root {
    return this.#root.lanes();
  }

  #renew({ owner, epoch }: Delta): Namespace {
    const known = this.#spaces.get(owner);
    if (known !== undefined) this.#toggle(owner, known);
    const space = { epoch, seq: 0, floor: 0, entries: new Map<string, Entry>(), tombstones: 0 };
    this.#spaces.set(owner, space);
    this.#toggle(owner, space);
    return space;
  }

  #put(space: Namespace, now: Instant, record: GossipRecord): void {
    const known = space.entries.get(record.key);
    if (known !== undefined && known.record.seq >= record.seq) return;
    if (known !== undefined && known.record.value === undefined) space.tombstones -= 1;
    if (record.value === undefined) space.tombstones += 1; // N3
    space.entries.set(record.key, { record, at: now });
  }

  #toggle(owner: NodeId, { epoch, seq }: Namespace): void {
    if (seq > 0) this.#root.toggle(owner, [epoch, seq]);
  }
}

export interface OwnWrites {
  readonly epoch: number;
  /** The number to give; absent: the next. Raft's index in the cluster's namespace. */
  readonly seq?: number;
  readonly put: readonly (readonly [string, string | undefined])[];
}

/** Cuts between two numbers only: a delta holds all of a number or none. */
function cut({ owner, epoch, base, to, records }: Delta): readonly Delta[] {
  const deltas: Delta[] = [];
  let part: GossipRecord[] = [];
  let from = base;
  let size = 0;
  for (const record of records) {
    const length = record.key.length + (record.value?.length ?? 0) + 32;
    const before = part.at(-1);
    const full = size + length > GOSSIP_DELTA_CHARACTERS_MAX;
    if (full && before !== undefined && before.seq < record.seq) {
      deltas.push({ owner, epoch, base: from, to: before.seq, records: part });
      from = before.seq;
      part = [];
      size = 0;
    }
    part.push(record);
    size += length;
  }
  deltas.push({ owner, epoch, base: from, to, records: part });
  return deltas;
}
