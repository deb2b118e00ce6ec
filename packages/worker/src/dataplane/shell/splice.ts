/**
 * Joins two connections: bytes both ways, half-close and reset carried, memory bounded by
 * back-pressure.
 */
import type { Conn, ConnEvents } from "./conn.ts";

export interface Splicing {
  /** The end of `a`'s half was read before. */
  readonly ended?: boolean;
  /** `a` is closed. */
  readonly over: () => void;
}

export function splice(a: Conn, b: Conn, { ended = false, over }: Splicing): void {
  a.listen(new Side(a, b, { ended, over }));
  b.listen(new Side(b, a, { ended: false, over: () => undefined }));
  a.resume();
  b.resume();
}

class Side implements ConnEvents {
  readonly #own: Conn;
  readonly #other: Conn;
  readonly #over: () => void;
  #ended: boolean;

  constructor(own: Conn, other: Conn, { ended, over }: Required<Splicing>) {
    this.#own = own;
    this.#other = other;
    this.#over = over;
    this.#ended = ended;
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
