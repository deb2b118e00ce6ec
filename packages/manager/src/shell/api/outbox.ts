/**
 * Gathers what is to be sent in this turn of the event loop: everything that was read from the
 * sockets together leaves together, one turn later at the latest, in messages of bounded size.
 */
import { CALLS_FRAME_BYTES } from "../../limits.ts";

export class Outbox<Item extends { readonly body: Uint8Array }> {
  readonly #send: (items: readonly Item[]) => void;
  #items: Item[] = [];
  #bytes = 0;
  #due = false;

  constructor(send: (items: readonly Item[]) => void) {
    this.#send = send;
  }

  add(item: Item): void {
    if (this.#bytes + item.body.length > CALLS_FRAME_BYTES) this.flush();
    this.#items.push(item);
    this.#bytes += item.body.length;
    if (this.#due) return;
    this.#due = true;
    // After the poll phase: until then other sockets may bring more.
    setImmediate(() => {
      this.#due = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#items.length === 0) return;
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    this.#send(items);
  }
}
