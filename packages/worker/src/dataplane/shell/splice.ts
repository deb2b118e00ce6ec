/**
 * Joins two connections: bytes both ways, half-close and reset carried, memory bounded by
 * back-pressure.
 */
import type { Conn, ConnEvents } from "./conn.ts";

/** `over` when `a` is closed. */
export function splice(a: Conn, b: Conn, over: () => void): void {
  a.listen(new Side(a, b, over));
  b.listen(new Side(b, a, () => undefined));
  a.resume();
  b.resume();
}

class Side implements ConnEvents {
  readonly #own: Conn;
  readonly #other: Conn;
  readonly #over: () => void;
  #ended = false;

  constructor(own: Conn, other: Conn, over: () => void) {
    this.#own = own;
    this.#other = other;
    this.#over = over;
  }

  data(bytes: Buffer): void {
    if (!this.#other.write(bytes)) this.#own.pause();
  }

  end(): void {
    this.#ended = true;
    this.#other.end();
  }

  drained(): void {
    this.#other.resume();
  }

  closed(error: string | undefined): void {
    // Closed before its end was read: the other side must not take the half for the whole.
    if (error !== undefined || !this.#ended) this.#other.reset();
    this.#over();
  }
}
