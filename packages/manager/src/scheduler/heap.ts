/** A binary heap whose top may be changed in place: what placing a task on the best node does. */
export class Heap<Item> {
  readonly #items: Item[];
  readonly #before: (a: Item, b: Item) => boolean;

  /**
   * Takes the array over. `before` must be a strict total order, or the result depends on
   * history.
   */
  constructor(items: Item[], before: (a: Item, b: Item) => boolean) {
    this.#items = items;
    this.#before = before;
    for (let index = (items.length >> 1) - 1; index >= 0; index -= 1) this.#sink(index);
  }

  get size(): number {
    return this.#items.length;
  }

  top(): Item | undefined {
    return this.#items[0];
  }

  /** The top's place in the order may have become later. */
  topChanged(): void {
    this.#sink(0);
  }

  removeTop(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.#sink(0);
  }

  #sink(start: number): void {
    const items = this.#items;
    const item = items[start];
    if (item === undefined) return;
    let hole = start;
    for (;;) {
      let childIndex = 2 * hole + 1;
      let child = items[childIndex];
      const right = items[childIndex + 1];
      if (child === undefined) break;
      if (right !== undefined && this.#before(right, child)) {
        child = right;
        childIndex += 1;
      }
      if (!this.#before(child, item)) break;
      items[hole] = child;
      hole = childIndex;
    }
    items[hole] = item;
  }
}
