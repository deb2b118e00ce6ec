/**
 * Nodes by how many tasks they have, each count a set of bits: the first node of the emptiest that
 * fits is found without a look at the others. 5,000 nodes are 157 words.
 */
export class NodeIndex {
  readonly #size: number;
  readonly #sets = new Map<number, Uint32Array>();
  readonly #members = new Map<number, number>();
  /** Counts that some node has, ascending. */
  #counts: number[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  add(at: number, count: number): void {
    let set = this.#sets.get(count);
    if (set === undefined) {
      set = new Uint32Array(Math.ceil(this.#size / 32));
      this.#sets.set(count, set);
    }
    const members = this.#members.get(count) ?? 0;
    if (members === 0) this.#counts.splice(this.#placeOf(count), 0, count);
    this.#members.set(count, members + 1);
    set[at >>> 5] = (set[at >>> 5] ?? 0) | (1 << (at & 31));
  }

  remove(at: number, count: number): void {
    const set = this.#sets.get(count);
    if (set === undefined) return;
    set[at >>> 5] = (set[at >>> 5] ?? 0) & ~(1 << (at & 31));
    const members = (this.#members.get(count) ?? 1) - 1;
    this.#members.set(count, members);
    if (members > 0) return;
    this.#counts = this.#counts.filter((one) => one !== count);
    this.#sets.delete(count);
  }

  /** Fewest tasks first, among equals in a round that begins at `start`. */
  first(start: number, fits: (at: number) => boolean): number | undefined {
    for (const count of this.#counts) {
      const set = this.#sets.get(count);
      if (set === undefined) continue;
      const found = this.#firstIn(set, { from: start, to: this.#size }, fits);
      if (found !== undefined) return found;
      const wrapped = this.#firstIn(set, { from: 0, to: start }, fits);
      if (wrapped !== undefined) return wrapped;
    }
    return undefined;
  }

  #firstIn(
    set: Uint32Array,
    { from, to }: { readonly from: number; readonly to: number },
    fits: (at: number) => boolean,
  ): number | undefined {
    const end = Math.ceil(to / 32);
    for (let word = from >>> 5; word < end; word += 1) {
      let bits = set[word] ?? 0;
      if (word === from >>> 5) bits &= -1 << (from & 31);
      for (; bits !== 0; bits &= bits - 1) {
        const at = word * 32 + (31 - Math.clz32(bits & -bits));
        if (at >= to) return undefined;
        if (fits(at)) return at;
      }
    }
    return undefined;
  }

  #placeOf(count: number): number {
    const place = this.#counts.findIndex((one) => one > count);
    return place < 0 ? this.#counts.length : place;
  }
}
