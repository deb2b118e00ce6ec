/** Items that are handed on together, at the end of this turn of the event loop. */
export class Gathered<Item> {
  readonly #soon: ((what: () => void) => void) | undefined;
  readonly #handOn: (items: readonly Item[]) => void;
  #items: Item[] = [];

  /** Without `soon` each item is handed on at once, alone. */
  constructor(
    soon: ((what: () => void) => void) | undefined,
    handOn: (items: readonly Item[]) => void,
  ) {
    this.#soon = soon;
    this.#handOn = handOn;
  }

  add(item: Item): void {
    this.#items.push(item);
    if (this.#soon === undefined) this.#flush();
    else if (this.#items.length === 1) this.#soon(() => this.#flush());
  }

  #flush(): void {
    const items = this.#items;
    this.#items = [];
    this.#handOn(items);
  }
}
