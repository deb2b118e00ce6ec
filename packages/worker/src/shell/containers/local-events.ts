/** GET /events on a worker's socket: what happens to the containers of this node. */
import { containerEvents } from "@skein/common/api/container-events";
import { EVENT_FILTERS } from "@skein/common/api/engine-event";
import { parseFilters } from "@skein/common/api/filters";
import { parseTime } from "@skein/common/api/log-frame";
import { EventWindow } from "@skein/common/node/event-window";
import { LOG_QUEUE_BYTES_MAX } from "../../limits.ts";
import { beginStream, sendRefusal } from "./answers.ts";
import type { Call, ContainerPorts, LocalContainer } from "./container-ports.ts";
import { localContainers } from "./local-containers.ts";

export class LocalEvents {
  readonly #ports: ContainerPorts;
  readonly #window: EventWindow;
  #known: ReadonlyMap<string, LocalContainer> = new Map();

  constructor(ports: ContainerPorts) {
    this.#ports = ports;
    this.#window = new EventWindow({
      queueBytesMax: LOG_QUEUE_BYTES_MAX,
      cut: () => ports.log.write("warn", "event stream cut: its reader is too slow"),
    });
    ports.worker.watchTasks(() => this.#look());
  }

  serve(call: Call): void {
    const filters = parseFilters(call.query.get("filters") ?? undefined, EVENT_FILTERS);
    if (!filters.ok) return sendRefusal(call.response, filters.error);
    const since = parseTime("since", call.query.get("since"));
    if (!since.ok) return sendRefusal(call.response, since.error);
    const until = parseTime("until", call.query.get("until"));
    if (!until.ok) return sendRefusal(call.response, until.error);
    beginStream(call.response, "application/json");
    const span = { since: since.value, until: until.value, now: Date.now() };
    this.#window.stream(call.response, filters.value, span);
  }

  #look(): void {
    const now = new Map(localContainers(this.#ports).map((row) => [row.taskId, row]));
    for (const taskId of new Set([...this.#known.keys(), ...now.keys()])) {
      const after = now.get(taskId as LocalContainer["taskId"]);
      for (const event of containerEvents(this.#known.get(taskId), after, Date.now())) {
        this.#window.take(event);
      }
    }
    this.#known = now;
  }
}
