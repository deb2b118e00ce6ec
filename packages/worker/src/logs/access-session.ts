/**
 * One request for a service's access log at this node: the lines of the current file, as fast as
 * the reader takes them, and, when it follows, those that are added. They carry their own time and
 * task; the message's are filled for form.
 *
 * Memory is bounded by one piece of the file and what the link may queue.
 */
import { taskId } from "@skein/common/ids";
import type { Timer } from "@skein/common/io/clock";
import type { DiskFile } from "@skein/common/io/disk";
import type { LogRequest } from "@skein/common/wire/log-messages";
import {
  LOG_PAUSE_MS,
  LOG_QUEUE_BYTES_MAX,
  LOG_READ_BYTES,
  LOG_TAIL_LINES_MAX,
  TAIL_CALM_MS,
} from "../limits.ts";
import { findLastLines } from "./last-lines.ts";
import { accessPath } from "./log-files.ts";
import type { LogReader, LogSessionPorts } from "./log-session.ts";

const NEWLINE = 10;
const NOBODY = taskId("access");

export class AccessSession {
  readonly #ports: LogSessionPorts;
  readonly #request: LogRequest;
  readonly #reader: LogReader;
  #file: DiskFile | undefined;
  #at = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(ports: LogSessionPorts, request: LogRequest, reader: LogReader) {
    this.#ports = ports;
    this.#request = request;
    this.#reader = reader;
  }

  start(): void {
    const { tail } = this.#request;
    this.#open((file) => {
      if (tail === undefined) return this.#pump();
      const wanted = { count: Math.min(tail, LOG_TAIL_LINES_MAX), final: false };
      findLastLines(file, wanted, ({ starts, end }) => {
        this.#at = starts[0] ?? end;
        this.#pump();
      });
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#file?.close(() => undefined);
  }

  /** No file: nobody asked this node for the service yet. */
  #open(then: (file: DiskFile) => void): void {
    this.#ports.disk.open(accessPath(this.#request.access ?? ""), "read", (error, file) => {
      if (error !== undefined) return this.#end(() => this.#open(then));
      if (this.#closed) return file.close(() => undefined);
      this.#file = file;
      this.#at = 0;
      then(file);
    });
  }

  #pump(): void {
    const file = this.#file;
    if (this.#closed || file === undefined) return;
    if (this.#reader.queuedBytes() > LOG_QUEUE_BYTES_MAX) {
      return this.#wait(LOG_PAUSE_MS, () => this.#pump());
    }
    file.read(this.#at, LOG_READ_BYTES, (error, bytes) => {
      if (this.#closed) return;
      const whole = error === undefined ? bytes.lastIndexOf(NEWLINE) + 1 : 0;
      if (whole === 0) return this.#end(() => this.#lookForNew(file));
      this.#at += whole;
      if (this.#send(bytes.subarray(0, whole))) this.#pump();
      else this.close();
    });
  }

  #send(bytes: Uint8Array): boolean {
    const atNs = `${this.#ports.wall()}000000`;
    for (let from = 0; from < bytes.length; ) {
      const to = bytes.indexOf(NEWLINE, from) + 1;
      const line = bytes.slice(from, to);
      const message = { kind: "line", taskId: NOBODY, stream: "stdout", atNs, line } as const;
      if (!this.#reader.send(message)) return false;
      from = to;
    }
    return true;
  }

  /** A full file is renamed, and the next lines are in a new one. */
  #lookForNew(file: DiskFile): void {
    this.#ports.disk.open(accessPath(this.#request.access ?? ""), "read", (error, now) => {
      if (error !== undefined || this.#closed) return this.#pump();
      now.size((failed, size) => {
        const isNew = failed === undefined && size < this.#at;
        (isNew ? file : now).close(() => undefined);
        if (isNew) [this.#file, this.#at] = [now, 0];
        this.#pump();
      });
    });
  }

  /** All is sent: the end, or a pause before a look at what was added. */
  #end(again: () => void): void {
    if (this.#request.follow) return this.#wait(TAIL_CALM_MS, again);
    this.#reader.send({ kind: "end" });
    this.close();
  }

  #wait(pauseMs: number, then: () => void): void {
    this.#timer = this.#ports.clock.after(pauseMs, () => {
      if (!this.#closed) then();
    });
  }
}
