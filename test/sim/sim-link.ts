/**
 * One simulated link: two pipes and the two ends a process sees. A pipe keeps order, takes time,
 * and stands still while its wire is cut; like TCP it loses nothing but by ending.
 */
import { must } from "@skein/common/assert";
import type { Link, LinkEnd, LinkReceiver, PeerIdentity } from "@skein/common/io/network";
import {
  LINK_PING_AFTER_MS,
  LINK_QUEUE_BYTES_MAX,
  LINK_SILENCE_MAX_MS,
  MESSAGE_BYTES_MAX,
} from "@skein/common/limits";
import type { SimProcessClock } from "./sim-clock.ts";

/** What the network decides for its links. */
export interface Wire {
  /** Time for `bytes` from one host to the other, drawn anew each time. */
  travelMs(bytes: number): number;
  isCut(from: string, to: string): boolean;
  /** Extra time after a cut was healed: senders back off before they try again. */
  retryMs(): number;
  /** True when this message breaks the connection. */
  loses(): boolean;
  /** True when a killed process's last messages die with it. */
  resets(): boolean;
}

type Item =
  | { readonly kind: "open" }
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly end: LinkEnd };

const LOST: LinkEnd = { kind: "closed", reason: "the connection was lost" };
/** A check this late tells of a stopped process, which blames itself and not its peers. */
const STALL_MS = 2000;

/** One direction. */
export class Pipe {
  readonly #wire: Wire;
  readonly from: string;
  readonly to: string;
  readonly #clock: SimProcessClock;
  readonly #arrived: (item: Item) => void;
  readonly #exactNow: () => number;
  /** Sent, in order, not taken by the other process yet. */
  #items: Item[] = [];
  /** How many of them are on their way already. */
  #moving = 0;
  #lastAt = 0;
  /** Counts the times that what was on its way came to nothing. */
  #flight = 0;
  undeliveredBytes = 0;

  constructor(options: {
    readonly wire: Wire;
    readonly from: string;
    readonly to: string;
    /** Of the receiving process. */
    readonly clock: SimProcessClock;
    readonly exactNow: () => number;
    readonly arrived: (item: Item) => void;
  }) {
    this.#wire = options.wire;
    this.from = options.from;
    this.to = options.to;
    this.#clock = options.clock;
    this.#exactNow = options.exactNow;
    this.#arrived = options.arrived;
  }

  put(item: Item): void {
    this.#items.push(item);
    if (item.kind === "message") this.undeliveredBytes += item.bytes.length;
    if (!this.#wire.isCut(this.from, this.to)) this.#move(0);
  }

  /** What is under way is lost; nothing but an end can follow. */
  drop(): void {
    this.#items = [];
    this.#moving = 0;
    this.#flight += 1;
    this.undeliveredBytes = 0;
  }

  /** The cut between the hosts was healed. */
  resume(): void {
    if (this.#wire.isCut(this.from, this.to) || this.#items.length === this.#moving) return;
    this.#move(this.#wire.retryMs());
  }

  #move(extraMs: number): void {
    const now = this.#exactNow();
    const flight = this.#flight;
    for (const item of this.#items.slice(this.#moving)) {
      const bytes = item.kind === "message" ? item.bytes.length : 0;
      // Never before the one sent earlier.
      this.#lastAt = Math.max(this.#lastAt, now + extraMs + this.#wire.travelMs(bytes));
      this.#moving += 1;
      this.#clock.deliver(this.#lastAt - now, () => this.#arrive(flight));
    }
  }

  #arrive(flight: number): void {
    if (flight !== this.#flight) return;
    if (this.#wire.isCut(this.from, this.to)) {
      // It and all behind it wait for `resume`.
      this.#moving = 0;
      this.#flight += 1;
      return;
    }
    const item = must(this.#items.shift(), "the item that arrived");
    this.#moving -= 1;
    if (item.kind === "message") this.undeliveredBytes -= item.bytes.length;
    this.#arrived(item);
  }
}

export class SimLink implements Link {
  readonly peer: PeerIdentity;
  readonly remote: string;
  readonly #clock: SimProcessClock;
  readonly #wire: Wire;
  readonly #receiver: LinkReceiver;
  readonly #out: () => Pipe;
  readonly #responsive: () => boolean;
  readonly #released: () => void;
  #opened = false;
  #end: LinkEnd | undefined;
  #heardAt: number;

  constructor(options: {
    readonly peer: PeerIdentity;
    readonly remote: string;
    readonly clock: SimProcessClock;
    readonly wire: Wire;
    readonly receiver: LinkReceiver;
    readonly out: () => Pipe;
    /** True when a ping would be answered now. */
    readonly responsive: () => boolean;
    readonly released: () => void;
  }) {
    this.peer = options.peer;
    this.remote = options.remote;
    this.#clock = options.clock;
    this.#wire = options.wire;
    this.#receiver = options.receiver;
    this.#out = options.out;
    this.#responsive = options.responsive;
    this.#released = options.released;
    this.#heardAt = options.clock.now();
  }

  send(bytes: Uint8Array): boolean {
    if (this.#end !== undefined) return false;
    if (bytes.length > MESSAGE_BYTES_MAX) {
      return this.#refuse("protocol", `a message of ${bytes.length} bytes is too long`);
    }
    const queued = this.queuedBytes() + bytes.length;
    if (queued > LINK_QUEUE_BYTES_MAX) {
      return this.#refuse("overflow", `the peer does not read: ${queued} bytes queued`);
    }
    if (this.#wire.loses()) this.break();
    else this.#out().put({ kind: "message", bytes });
    return true;
  }

  queuedBytes(): number {
    return this.#out().undeliveredBytes;
  }

  close(reason: string): void {
    const end: LinkEnd = { kind: "closed", reason };
    if (this.#finish(end)) this.#out().put({ kind: "end", end });
  }

  /** Called by the network when the link is up at this end. */
  open(): void {
    if (this.#end !== undefined || this.#opened) return;
    this.#opened = true;
    this.#heardAt = this.#clock.now();
    this.#watch();
    this.#receiver.opened(this);
  }

  isOpen(): boolean {
    return this.#opened && this.#end === undefined;
  }

  take(item: Item): void {
    this.#heardAt = this.#clock.now();
    if (item.kind === "message") {
      if (this.#end === undefined) this.#receiver.message(item.bytes);
    } else if (item.kind === "end") {
      this.#finish(item.end);
    } else {
      this.open();
    }
  }

  /** The connection breaks in the middle: both ends learn it, what was under way is lost. */
  break(): void {
    this.#out().drop();
    this.#out().put({ kind: "end", end: LOST });
    this.#clock.deliver(this.#wire.travelMs(0), () => this.#finish(LOST));
  }

  /** This end's process was killed: the system closes the connection for it. */
  die(): void {
    if (this.#end !== undefined) return;
    this.#end = LOST;
    if (this.#wire.resets()) this.#out().drop();
    this.#out().put({ kind: "end", end: LOST });
    this.#released();
  }

  /** Ends it here; the peer loses what was under way and then the connection. */
  fail(end: LinkEnd): void {
    if (!this.#finish(end)) return;
    this.#out().drop();
    this.#out().put({ kind: "end", end: LOST });
  }

  #watch(): void {
    const expected = this.#clock.now() + LINK_PING_AFTER_MS;
    this.#clock.after(LINK_PING_AFTER_MS, () => {
      if (this.#end !== undefined) return;
      const now = this.#clock.now();
      if (this.#responsive() || now - expected > STALL_MS) this.#heardAt = now;
      const silentMs = now - this.#heardAt;
      if (silentMs < LINK_SILENCE_MAX_MS) return this.#watch();
      this.fail({ kind: "timeout", reason: `${this.remote} was silent for ${silentMs} ms` });
    });
  }

  #refuse(kind: LinkEnd["kind"], reason: string): false {
    this.fail({ kind, reason });
    return false;
  }

  #finish(end: LinkEnd): boolean {
    if (this.#end !== undefined) return false;
    this.#end = end;
    this.#released();
    this.#clock.deliver(0, () => this.#receiver.closed(end));
    return true;
  }
}
