/** The last events, and everyone who waits for the next: what `/events` streams from. */
import type { ServerResponse } from "node:http";
import type { EngineEvent } from "../api/engine-event.ts";
import { eventLine, matchesEvent } from "../api/engine-event.ts";
import type { Filters } from "../api/filters.ts";
import { EVENTS_KEPT_MAX } from "../limits.ts";

/** Wall milliseconds. */
export interface EventSpan {
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly now: number;
}

export interface EventWindowOptions {
  /** Bytes a reader may leave unread before it is cut off. */
  readonly queueBytesMax: number;
  readonly cut: () => void;
}

export class EventWindow {
  readonly #options: EventWindowOptions;
  readonly #kept: EngineEvent[] = [];
  readonly #listeners = new Set<(event: EngineEvent) => void>();

  constructor(options: EventWindowOptions) {
    this.#options = options;
  }

  take(event: EngineEvent): void {
    this.#kept.push(event);
    if (this.#kept.length > EVENTS_KEPT_MAX) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** The past from `since` on, then what comes, until `until` or the reader's end. */
  stream(response: ServerResponse, filters: Filters, { since, until, now }: EventSpan): void {
    const send = (event: EngineEvent): void => {
      if (!matchesEvent(event, filters) || response.writableEnded) return;
      response.write(eventLine(event));
      if (response.writableLength <= this.#options.queueBytesMax) return;
      this.#options.cut();
      response.destroy();
    };
    if (since !== undefined) {
      for (const event of this.#kept) {
        if (event.at >= since && (until === undefined || event.at <= until)) send(event);
      }
    }
    if (until !== undefined && until <= now) {
      response.end();
      return;
    }
    const end =
      until === undefined
        ? undefined
        : setTimeout(() => response.end(), Math.min(until - now, DAY_MS));
    this.#listeners.add(send);
    response.on("close", () => {
      clearTimeout(end);
      this.#listeners.delete(send);
    });
  }

  close(): void {
    this.#listeners.clear();
  }
}

/** Longer timers overflow; who asks for more gets a day. */
const DAY_MS = 24 * 60 * 60 * 1000;
