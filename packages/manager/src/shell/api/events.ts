/**
 * GET /events: the changes of the cluster as they happen, and the last few on demand. Every manager
 * keeps its own window, from its own replica, so that a new leader knows the past too.
 */
import type { ServerResponse } from "node:http";
import type { SwarmEvent } from "../../control/engine/event.ts";
import { EVENT_FILTERS, eventLine, eventOf, matchesEvent } from "../../control/engine/event.ts";
import { parseTime } from "../../control/engine/log-frame.ts";
import type { Filters } from "../../control/filters.ts";
import { EVENTS_KEPT_MAX, STREAM_QUEUE_BYTES_MAX } from "../../limits.ts";
import type { Handler } from "./handler.ts";
import type { ManagerPort } from "./port.ts";
import { failure } from "./reply.ts";
import { filtersOf, parameter } from "./request.ts";

export class EventHub {
  readonly #port: ManagerPort;
  readonly #kept: SwarmEvent[] = [];
  readonly #listeners = new Set<(event: SwarmEvent) => void>();
  readonly #watch: { cancel(): void } | undefined;

  constructor(port: ManagerPort) {
    this.#port = port;
    this.#watch = port.watch?.((changes) => {
      for (const change of changes) {
        const event = eventOf(change, port.wall());
        if (event !== undefined) this.#take(event);
      }
    });
  }

  readonly handler: Handler = (port, request) => {
    if (this.#watch === undefined) {
      return failure(
        501,
        "unsupported",
        "Cannot stream events: this manager does not watch its store",
      );
    }
    const filters = filtersOf(request, EVENT_FILTERS);
    if (!filters.ok) return { kind: "error", error: filters.error };
    const since = parseTime("since", parameter(request, "since") ?? null);
    if (!since.ok) return { kind: "error", error: since.error };
    const until = parseTime("until", parameter(request, "until") ?? null);
    if (!until.ok) return { kind: "error", error: until.error };
    const span = { since: since.value, until: until.value, now: port.wall() };
    return {
      kind: "stream",
      contentType: "application/json",
      run: (response) => this.#stream(response, filters.value, span),
    };
  };

  close(): void {
    this.#watch?.cancel();
    this.#listeners.clear();
  }

  #take(event: SwarmEvent): void {
    this.#kept.push(event);
    if (this.#kept.length > EVENTS_KEPT_MAX) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }

  #stream(response: ServerResponse, filters: Filters, span: Span): void {
    const { since, until, now } = span;
    const send = (event: SwarmEvent): void => {
      if (!matchesEvent(event, filters) || response.writableEnded) return;
      response.write(eventLine(event));
      if (response.writableLength > STREAM_QUEUE_BYTES_MAX) {
        this.#port.log.write("warn", "event stream cut: its reader is too slow");
        response.destroy();
      }
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
}

interface Span {
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly now: number;
}

/** Longer timers overflow; who asks for more gets a day. */
const DAY_MS = 24 * 60 * 60 * 1000;
