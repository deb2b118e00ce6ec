/**
 * GET /events: the changes of the cluster as they happen, containers of every node included, and
 * the last of them on demand. Every manager keeps its own window, from its own replica, so that a
 * new leader knows the past too.
 */
import { EVENT_FILTERS } from "@skein/common/api/engine-event";
import { nodeId, taskId } from "@skein/common/ids";
import { slotKey } from "@skein/common/model/task";
import { EventWindow } from "@skein/common/node/event-window";
import { eventsOf } from "../../control/engine/event.ts";
import { parseTime } from "../../control/engine/log-frame.ts";
import type { EventNames } from "../../control/engine/task-event.ts";
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
        for (const event of eventsOf(change, port.wall(), namesOf(port))) this.#window.take(event);
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

/** The change is applied already: its slot says why it has its task. */
function namesOf({ view }: ManagerPort): EventNames {
  return {
    reasonOf: (id) => {
      const task = view.tasks.get(taskId(id));
      const slot = task && view.slots.get(slotKey(task.serviceId, task.slot));
      return slot?.taskId === id ? slot.reason : undefined;
    },
    nodeName: (id) => view.nodes.get(nodeId(id))?.description.hostname,
  };
}
