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
 *   N6. No owner fills this member's memory: a delta that would lead past a namespace's limits is
 *       not taken. An honest owner never writes one.
 */
import type { NodeId } from "../ids.ts";
import { compareIds } from "../ids.ts";
import {
  GOSSIP_DELTA_CHARACTERS_MAX,
  GOSSIP_KEYS_MAX,
  GOSSIP_SPACE_CHARACTERS_MAX,
  GOSSIP_STORE_CHARACTERS_MAX,
  GOSSIP_TOMBSTONE_MS,
} from "../limits.ts";
import type { Instant } from "../time.ts";
import type { Delta, GossipRecord, VersionRow } from "../wire/gossip-messages.ts";
import type { Root } from "./hash.ts";
import { RootSum } from "./hash.ts";
import { STORE_OWNERS } from "./protocol.ts";

interface Namespace {
  epoch: number;
  seq: number;
  floor: number;
  /** Of keys and values together. */
  characters: number;
  /** NO_RECORDS until the first: most members of a large cluster say little. */
  records: Map<string, GossipRecord>;
  /** When a deletion became known here: how long it is remembered. */
  tombstones: Map<string, Instant> | undefined;
}

/** Shared, and never written. */
const NO_RECORDS = new Map<string, GossipRecord>();

export type Taken = "news" | "old" | "gap" | "full";

export class Namespaces {
  readonly #spaces = new Map<NodeId, Namespace>();
  readonly #root = new RootSum();

  version(owner: NodeId): VersionRow {
    const space = this.#spaces.get(owner);
    return [owner, space?.epoch ?? 0, space?.seq ?? 0];
  }

  /** Values by key, in order of key; tombstones are not shown. */
  values(owner: NodeId): readonly (readonly [string, string])[] {
    const values: [string, string][] = [];
    for (const { key, value } of this.#recordsOf(owner).values()) {
      if (value !== undefined) values.push([key, value]);
    }
    return values.toSorted(([a], [b]) => compareIds(a, b));
  }

  value(owner: NodeId, key: string): string | undefined {
    return this.#recordsOf(owner).get(key)?.value;
  }

  /** True when the key was deleted, and that is still remembered. */
  isDeleted(owner: NodeId, key: string): boolean {
    return this.#spaces.get(owner)?.tombstones?.has(key) === true;
  }

  /** Keys, tombstones included. */
  keyCount(owner: NodeId): number {
    return this.#recordsOf(owner).size;
  }

  /** Of keys and values together. */
  characters(owner: NodeId): number {
    return this.#spaces.get(owner)?.characters ?? 0;
  }

  owners(): readonly NodeId[] {
    return [...this.#spaces.keys()].toSorted(compareIds);
  }

  take(now: Instant, delta: Delta): Taken {
    const known = this.#spaces.get(delta.owner);
    const fresh = known === undefined || delta.epoch > known.epoch;
    if (!fresh && (delta.epoch < known.epoch || delta.to <= known.seq)) return "old";
    if (delta.base > (fresh ? 0 : known.seq)) return "gap"; // N2
    if (!hasRoom(delta.base === 0 ? undefined : known, delta)) return "full"; // N6
    this.#apply(now, delta, fresh || delta.base === 0);
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
    this.#apply(now, delta, base === 0);
    return delta;
  }

  /** What somebody at `seq` of `epoch` lacks, in deltas of a message's length at most. */
  since([owner, epoch, seq]: VersionRow): readonly Delta[] {
    const space = this.#spaces.get(owner);
    if (space === undefined || epoch > space.epoch) return [];
    const same = epoch === space.epoch;
    if (same && seq >= space.seq) return [];
    const base = same && seq >= space.floor ? seq : 0; // N4
    const records = [...space.records.values()]
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
      for (const [key, at] of space.tombstones ?? []) {
        if (now - at < GOSSIP_TOMBSTONE_MS) continue;
        space.floor = Math.max(space.floor, space.records.get(key)?.seq ?? 0);
        space.tombstones?.delete(key);
        space.records.delete(key);
        space.characters -= key.length;
      }
    }
  }

  root(): Root {
    return this.#root.lanes();
  }

  #recordsOf(owner: NodeId): ReadonlyMap<string, GossipRecord> {
    return this.#spaces.get(owner)?.records ?? NO_RECORDS;
  }

  #apply(now: Instant, delta: Delta, whole: boolean): void {
    const { owner, epoch } = delta;
    const known = this.#spaces.get(owner);
    if (known !== undefined) this.#toggle(owner, known);
    const space = known === undefined || whole ? emptySpace(epoch) : known;
    this.#spaces.set(owner, space);
    for (const record of delta.records) put(space, now, record);
    space.seq = delta.to;
    this.#toggle(owner, space);
  }

  #toggle(owner: NodeId, { epoch, seq }: Namespace): void {
    if (seq > 0) this.#root.toggle(owner, [epoch, seq]);
  }
}

function emptySpace(epoch: number): Namespace {
  const [seq, floor, characters] = [0, 0, 0];
  return { epoch, seq, floor, characters, records: NO_RECORDS, tombstones: undefined };
}

function put(space: Namespace, now: Instant, record: GossipRecord): void {
  if (space.records === NO_RECORDS) space.records = new Map();
  const { key, value } = record;
  const known = space.records.get(key);
  if (known !== undefined && known.seq >= record.seq) return;
  const before = known === undefined ? 0 : sizeOf(known);
  space.characters += sizeOf(record) - before;
  space.records.set(key, record);
  if (value !== undefined) {
    space.tombstones?.delete(key);
    return;
  }
  space.tombstones ??= new Map();
  space.tombstones.set(key, now); // N3
}

function sizeOf({ key, value }: GossipRecord): number {
  return key.length + (value?.length ?? 0);
}

/** N6: what there would be with these records. */
function hasRoom(known: Namespace | undefined, { owner, records }: Delta): boolean {
  const most = STORE_OWNERS.includes(owner)
    ? GOSSIP_STORE_CHARACTERS_MAX
    : GOSSIP_SPACE_CHARACTERS_MAX;
  let [keys, characters] = [known?.records.size ?? 0, known?.characters ?? 0];
  for (const record of records) {
    const replaced = known?.records.get(record.key);
    if (replaced === undefined) keys += 1;
    characters += sizeOf(record) - (replaced === undefined ? 0 : sizeOf(replaced));
  }
  return keys <= GOSSIP_KEYS_MAX && characters <= most;
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
