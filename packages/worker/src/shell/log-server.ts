/** `/logs` of a worker: a manager asks once per link and gets lines until `end`. */
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Accept, Link, LinkReceiver } from "@skein/common/io/network";
import { decode, encode } from "@skein/common/wire/codec";
import { logRequestSchema } from "@skein/common/wire/log-messages";
import { LOG_REQUESTS_MAX, LOG_TASKS_MAX } from "../limits.ts";
import { AccessSession } from "../logs/access-session.ts";
import type { LogSessionPorts } from "../logs/log-session.ts";
import { LogSession } from "../logs/log-session.ts";

export interface LogServerPorts extends LogSessionPorts {
  readonly log: Log;
  readonly metrics: Metrics;
}

export class LogServer {
  readonly #ports: LogServerPorts;
  readonly #readers = new Set<Reader>();

  constructor(ports: LogServerPorts) {
    this.#ports = ports;
  }

  readonly accept: Accept = (peer) => {
    if (peer.role !== "manager") return "only managers read logs";
    if (this.#readers.size >= LOG_REQUESTS_MAX) {
      return `this node serves ${LOG_REQUESTS_MAX} log requests already`;
    }
    const reader = new Reader(this.#ports, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    return reader;
  };

  /** Requests served now, for metrics. */
  count(): number {
    return this.#readers.size;
  }

  close(): void {
    for (const reader of this.#readers) reader.stop("the worker ends");
  }
}

class Reader implements LinkReceiver {
  readonly #ports: LogServerPorts;
  readonly #gone: () => void;
  #link: Link | undefined;
  #session: LogSession | AccessSession | undefined;

  constructor(ports: LogServerPorts, gone: () => void) {
    this.#ports = ports;
    this.#gone = gone;
  }

  opened(link: Link): void {
    this.#link = link;
  }

  message(bytes: Uint8Array): void {
    const request = decode(logRequestSchema, bytes);
    const link = this.#link;
    if (link === undefined || this.#session !== undefined) return;
    if (!request.ok || request.value.taskIds.length > LOG_TASKS_MAX) {
      this.#ports.metrics.count("skein_frames_refused_total", 1, { path: "/logs" });
      const reason = request.ok ? `more than ${LOG_TASKS_MAX} tasks` : request.error.reason;
      return link.close(`not a log request: ${reason}`);
    }
    const Session = request.value.access === undefined ? LogSession : AccessSession;
    this.#session = new Session(this.#ports, request.value, {
      send: (message) => {
        const isSent = link.send(encode(message));
        // The reader has all it asked for; the close goes out behind what is queued.
        if (message.kind === "end") link.close("end of the logs");
        return isSent;
      },
      queuedBytes: () => link.queuedBytes(),
    });
    this.#session.start();
  }

  closed(): void {
    this.#session?.close();
    this.#gone();
  }

  stop(reason: string): void {
    this.#link?.close(reason);
  }
}
