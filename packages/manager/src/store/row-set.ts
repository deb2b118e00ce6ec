/**
 * Rows by key, with a sorted list that is built when somebody asks and kept until the next change.
 *
 * Invariants:
 *   R1. `list()` is sorted by key, never by insertion: a set rebuilt from a snapshot lists alike.
 *   R2. A list that was handed out is never touched again; the next one is a new array.
 *   R3. The keys remembered as changed since the last list stay fewer than twice the rows plus a
 *       constant, so that a follower which never lists does not gather them.
 *
 * Cost: a write is one map access. A list after d changes of n rows copies n pointers and compares
 * d log n keys, so that a command with one item on ten thousand rows costs no sort.
 */
import type { TableView } from "./view.ts";

/** Changed keys kept at least, however small the set (R3). */
const CHANGED_KEYS_FLOOR = 64;

export type Compare<Key> = (a: Key, b: Key) => number;

export class RowSet<Key extends string | number, Row extends object> {
  readonly #keyOf: (row: Row) => Key;
  readonly #compare: Compare<Key>;
  readonly #rows = new Map<Key, Row>();
  /** The last list, and the keys written since. */
  #list: readonly Row[] = [];
  #changed = new Set<Key>();

  constructor(keyOf: (row: Row) => Key, compare: Compare<Key>) {
    this.#keyOf = keyOf;
    this.#compare = compare;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Keys remembered since the last list, for the test of R3. */
  get changedKeys(): number {
    return this.#changed.size;
  }

  get(key: Key): Row | undefined {
    return this.#rows.get(key);
  }

  put(row: Row): void {
    const key = this.#keyOf(row);
    this.#rows.set(key, row);
    this.#note(key);
  }

  delete(key: Key): void {
    if (this.#rows.delete(key)) this.#note(key);
  }

  list(): readonly Row[] {
    if (this.#changed.size > 0) {
      this.#list = this.#merge([...this.#changed].sort(this.#compare));
      this.#changed = new Set();
    }
    return this.#list;
  }

  /** R3: too many changes to be worth remembering; the next list sorts every key once. */
  #note(key: Key): void {
    this.#changed.add(key);
    if (this.#changed.size < 2 * this.#rows.size + CHANGED_KEYS_FLOOR) return;
    this.#list = [];
    this.#changed = new Set(this.#rows.keys());
  }

  /** The last list with the rows of `keys` (sorted) put in, replaced or left out. */
  #merge(keys: readonly Key[]): readonly Row[] {
    const merged: Row[] = [];
    let from = 0;
    for (const key of keys) {
      const at = this.#lowerBound(key, from);
      copyInto(merged, this.#list.slice(from, at));
      const old = this.#list[at];
      from = old !== undefined && this.#compare(this.#keyOf(old), key) === 0 ? at + 1 : at;
      const row = this.#rows.get(key);
      if (row !== undefined) merged.push(row);
    }
    copyInto(merged, this.#list.slice(from));
    return merged;
  }

  #lowerBound(key: Key, from: number): number {
    let low = from;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = this.#list[middle];
      if (row !== undefined && this.#compare(this.#keyOf(row), key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A loop, not a spread: a spread of a hundred thousand rows overflows the stack. */
function copyInto<Row>(target: Row[], rows: readonly Row[]): void {
  for (const row of rows) target.push(row);
}

/** A secondary index: one row set per group; a group without rows does not exist. */
export class GroupedRows<Group extends string, Key extends string | number, Row extends object> {
  readonly #make: () => RowSet<Key, Row>;
  readonly #groups = new Map<Group, RowSet<Key, Row>>();

  constructor(make: () => RowSet<Key, Row>) {
    this.#make = make;
  }

  /** How many groups there are, for the test that empty ones go. */
  get groups(): number {
    return this.#groups.size;
  }

  put(group: Group, row: Row): void {
    const rows = this.#groups.get(group) ?? this.#make();
    this.#groups.set(group, rows);
    rows.put(row);
  }

  delete(group: Group, key: Key): void {
    const rows = this.#groups.get(group);
    rows?.delete(key);
    if (rows?.size === 0) this.#groups.delete(group);
  }

  list(group: Group): readonly Row[] {
    return this.#groups.get(group)?.list() ?? NO_ROWS;
  }
}

const NO_ROWS: readonly never[] = Object.freeze([]);

/** What readers get: the set without its writes, also at run time. */
export function readOnly<Id extends string, Row extends object>(
  rows: RowSet<Id, Row>,
): TableView<Id, Row> {
  return {
    get: (id) => rows.get(id),
    list: () => rows.list(),
    get size() {
      return rows.size;
    },
  };
}
