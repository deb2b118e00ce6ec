/**
 * Access logs of this node, a file per service: `<directory>/<service>.log` and, when that is full,
 * the one before it as `.1`. Lines are gathered and written together; a slow disk costs lines,
 * which are counted, and never a request.
 */
import { appendFile, mkdir, rename, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import { ACCESS_FILE_BYTES_MAX, ACCESS_QUEUE_BYTES_MAX, ACCESS_WRITE_MS } from "../../limits.ts";
import { accessPath } from "../../logs/log-files.ts";

export interface AccessLogs {
  write(service: string, line: string): void;
  close(): void;
}

export interface AccessLogPorts {
  readonly directory: string;
  readonly log: Log;
  readonly metrics: Metrics;
}

export function openAccessLogs(ports: AccessLogPorts): AccessLogs {
  return new AccessFiles(ports);
}

interface Queue {
  lines: string[];
  /** Of the file, once it was looked at. */
  size: number | undefined;
}

class AccessFiles implements AccessLogs {
  readonly #ports: AccessLogPorts;
  readonly #queues = new Map<string, Queue>();
  #queued = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing = false;
  #told = false;

  constructor(ports: AccessLogPorts) {
    this.#ports = ports;
  }

  write(service: string, line: string): void {
    if (this.#queued + line.length > ACCESS_QUEUE_BYTES_MAX) {
      return this.#ports.metrics.count("skein_access_log_dropped_total", 1, { service });
    }
    let queue = this.#queues.get(service);
    if (queue === undefined) {
      queue = { lines: [], size: undefined };
      this.#queues.set(service, queue);
    }
    queue.lines.push(line);
    this.#queued += line.length;
    this.#timer ??= setTimeout(() => void this.#flush(), ACCESS_WRITE_MS).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
    void this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    this.#timer = undefined;
    for (const [service, queue] of this.#queues) {
      const text = queue.lines.join("");
      queue.lines = [];
      this.#queued -= text.length;
      if (text !== "") await this.#append(service, queue, text);
    }
    this.#writing = false;
    if (this.#queued > 0) this.#timer ??= setTimeout(() => void this.#flush(), ACCESS_WRITE_MS);
  }

  async #append(service: string, queue: Queue, text: string): Promise<void> {
    const { directory, metrics, log } = this.#ports;
    const path = join(directory, basename(accessPath(service)));
    try {
      if (queue.size === undefined) {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        queue.size = (await stat(path).catch(() => undefined))?.size ?? 0;
      }
      if (queue.size > ACCESS_FILE_BYTES_MAX) {
        await rename(path, `${path}.1`);
        queue.size = 0;
      }
      await appendFile(path, text, { mode: 0o600 });
      queue.size += text.length;
    } catch (error) {
      metrics.count("skein_access_log_dropped_total", 1, { service });
      if (!this.#told) log.write("warn", "cannot write an access log", { path, error });
      this.#told = true;
    }
  }
}
