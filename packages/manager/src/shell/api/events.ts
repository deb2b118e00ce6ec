/**
 * GET /events: the changes of the cluster as they happen, containers of every node included, and
 * the last of them on demand. Every manager keeps its own window, from its own replica, so that a
 * new leader knows the past too.
 */
import { EVENT_FILTERS } from "@skein/common/api/engine-event";
import { EventWindow } from "@skein/common/node/event-window";
import { eventsOf } from "../../control/engine/event.ts";
import { parseTime } from "../../control/engine/log-frame.ts";
import { STREAM_QUEUE_BYTES_MAX } from "../../limits.ts";
import type { Handler } from "./handler.ts";
import type { ManagerPort } from "./port.ts";
import { failure } from "./reply.ts";
import { filtersOf, parameter } from "./request.ts";

export class EventHub {
  readonly #window: EventWindow;
  readonly #watch: { cancel(): void } | undefined;

  constructor(port: ManagerPort) {
    this.#window = new EventWindow({
      queueBytesMax: STREAM_QUEUE_BYTES_MAX,
      cut: () => port.log.write("warn", "event stream cut: its reader is too slow"),
    });
    this.#watch = port.watch?.((changes) => {
      for (const change of changes) {
        for (const event of eventsOf(change, port.wall())) this.#window.take(event);
      }
    });
  }

  readonly handler: Handler = (port, request) => {
    if (this.#watch === undefined) {
      const reason = "this manager does not watch its store";
      return failure(501, "unsupported", `Cannot stream events: ${reason}`);
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
      run: (response) => this.#window.stream(response, filters.value, span),
    };
  };

  close(): void {
    this.#watch?.cancel();
    this.#window.close();
  }
}
