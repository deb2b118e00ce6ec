/**
 * One request for logs: the lines of its tasks in order of their time, as fast as the reader takes
 * them, and, when it follows, what is added until every task has ended.
 *
 * Lines of one look at a stream share its time, so the order between stdout and stderr (and between
 * tasks) is that of the looks; within a stream it is always the order of writing.
 *
 * Invariants:
 *   H1. No line is left out or sent twice, however slow the reader is.
 *   H2. Memory is bounded: one line and one piece per stream, and what the link may queue.
 */
import type { TaskId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Instant } from "@skein/common/time";
import type { LogMessage, LogRequest } from "@skein/common/wire/log-messages";
import {
  LOG_APPEAR_MS,
  LOG_PAUSE_MS,
  LOG_QUEUE_BYTES_MAX,
  LOG_READ_BYTES,
  LOG_TAIL_LINES_MAX,
} from "../limits.ts";
import type { FoundLines } from "./last-lines.ts";
import { findLastLines } from "./last-lines.ts";
import type { CursorPorts, LogCursor, TimedLine } from "./log-cursor.ts";
import { openCursor } from "./log-cursor.ts";
import type { StreamName } from "./log-files.ts";
import { STREAMS } from "./log-files.ts";

/** Smallest piece read: many streams share the memory of a few. */
const PIECE_BYTES_MIN = 4096;
const STREAMS_AT_FULL_PIECE = 32;

export interface LogReader {
  /** False when the reader is gone. */
  send(message: LogMessage): boolean;
  queuedBytes(): number;
}

export interface LogSessionPorts extends CursorPorts {
  readonly clock: Clock;
}

interface Target {
  readonly task: TaskId;
  readonly name: StreamName;
}

export class LogSession {
  readonly #ports: LogSessionPorts;
  readonly #request: LogRequest;
  readonly #reader: LogReader;
  readonly #began: Instant;
  readonly #cursors: LogCursor[] = [];
  /** Streams that have no file yet. */
  #missing: Target[] = [];
  /** Streams that may have a line, or more of one, that has not been read. */
  readonly #unread = new Set<LogCursor>();
  readonly #watch: { cancel(): void };
  #pieceBytes = LOG_READ_BYTES;
  /** A file is being opened or read. */
  #busy = false;
  #grown = false;
  #closed = false;
  #timer: Timer | undefined;

  constructor(ports: LogSessionPorts, request: LogRequest, reader: LogReader) {
    this.#ports = ports;
    this.#request = request;
    this.#reader = reader;
    this.#began = ports.clock.now();
    this.#watch = ports.tailer.watch((task) => this.#grew(task));
  }

  start(): void {
    const wanted = STREAMS.filter((name) => this.#request[name]);
    const targets = this.#request.taskIds.flatMap((task) => wanted.map((name) => ({ task, name })));
    const share = Math.floor(
      (LOG_READ_BYTES * STREAMS_AT_FULL_PIECE) / Math.max(1, targets.length),
    );
    this.#pieceBytes = Math.max(PIECE_BYTES_MIN, Math.min(LOG_READ_BYTES, share));
    this.#busy = true;
    this.#open(targets, () => this.#position(this.#request.taskIds, () => this.#pump()));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.cancel();
    this.#timer?.cancel();
    if (!this.#busy) this.#release();
  }

  /** Files are closed when nothing reads them any more. */
  #release(): void {
    for (const cursor of this.#cursors) cursor.close();
  }

  #open(targets: Target[], done: () => void): void {
    if (this.#closed) return this.#release();
    const target = targets.shift();
    if (target === undefined) return done();
    openCursor(this.#ports, target, (_error, cursor) => {
      // An error: no such output (yet), so no lines of it.
      if (cursor === undefined) this.#missing.push(target);
      else this.#cursors.push(cursor);
      if (cursor !== undefined) this.#unread.add(cursor);
      this.#open(targets, done);
    });
  }

  /** Moves the cursors of each task to where `tail` and `since` begin. */
  #position(tasks: readonly TaskId[], done: () => void): void {
    if (this.#closed) return this.#release();
    const [task, ...rest] = tasks;
    if (task === undefined) return done();
    const { since, tail } = this.#request;
    const cursors = this.#cursors.filter((cursor) => cursor.task === task);
    for (const cursor of cursors) if (since !== undefined) cursor.seek(cursor.marks().since(since));
    if (tail === undefined) return this.#position(rest, done);
    const count = Math.min(tail, LOG_TAIL_LINES_MAX);
    this.#findLast(cursors, { count, found: [] }, () => this.#position(rest, done));
  }

  /** The last lines of a task are the latest of both its streams. */
  #findLast(
    cursors: readonly LogCursor[],
    search: { readonly count: number; readonly found: FoundLines[] },
    done: () => void,
  ): void {
    if (this.#closed) return this.#release();
    const { count, found } = search;
    const cursor = cursors[found.length];
    if (cursor === undefined) {
      seekLatest(cursors, found, { count, since: this.#request.since });
      return done();
    }
    const final = !this.#ports.tailer.grows(cursor.task);
    findLastLines(cursor.file(), { count, final }, (lines) => {
      found.push(lines);
      this.#findLast(cursors, search, done);
    });
  }

  #grew(task: TaskId): void {
    for (const cursor of this.#cursors) if (cursor.task === task) this.#unread.add(cursor);
    this.#grown = true;
    if (this.#busy || this.#reader.queuedBytes() > LOG_QUEUE_BYTES_MAX) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pump();
  }

  /** Opens what has appeared, reads what is unread, then sends what is earliest. */
  #pump(): void {
    if (this.#closed) return this.#release();
    this.#busy = true;
    this.#grown = false;
    const missing = this.#missing;
    this.#missing = [];
    this.#open(missing, () => this.#fill([...this.#unread]));
  }

  #fill(cursors: LogCursor[]): void {
    if (this.#closed) return this.#release();
    const cursor = cursors.shift();
    if (cursor === undefined) {
      this.#busy = false;
      return this.#drain();
    }
    // Taken out first: growth during the read puts it back.
    this.#unread.delete(cursor);
    cursor.fill(this.#pieceBytes, () => this.#fill(cursors));
  }

  #drain(): void {
    for (;;) {
      if (this.#reader.queuedBytes() > LOG_QUEUE_BYTES_MAX) return this.#wait(LOG_PAUSE_MS);
      const first = earliest(this.#cursors);
      if (first === undefined) break;
      if (!this.#sendLooked(first)) return this.close();
      // Its next line has not been read: it may be the earliest again.
      if (first.line() === undefined) {
        this.#unread.add(first);
        return this.#pump();
      }
    }
    if (this.#grown) return this.#pump();
    this.#endIfComplete();
  }

  /** The lines of one cursor that share one look, and so one time. */
  #sendLooked(cursor: LogCursor): boolean {
    const at = cursor.line()?.at;
    for (let line = cursor.line(); line !== undefined && line.at === at; line = cursor.line()) {
      if (this.#reader.queuedBytes() > LOG_QUEUE_BYTES_MAX) return true;
      if (this.#isWanted(line) && !this.#reader.send(messageOf(cursor, line))) return false;
      cursor.take();
    }
    return true;
  }

  #isWanted(line: TimedLine): boolean {
    const { since, until } = this.#request;
    return (since === undefined || line.at >= since) && (until === undefined || line.at <= until);
  }

  #wait(pauseMs: number): void {
    this.#timer = this.#ports.clock.after(pauseMs, () => {
      this.#timer = undefined;
      if (this.#grown) this.#pump();
      else this.#drain();
    });
  }

  #endIfComplete(): void {
    const { follow, taskIds } = this.#request;
    if (follow && taskIds.some((task) => this.#ports.tailer.grows(task))) return;
    const waited = this.#ports.clock.now() - this.#began;
    if (follow && this.#missing.length > 0 && waited < LOG_APPEAR_MS) {
      // The task may be on its way to this node: a manager asks for it once only.
      return this.#wait(LOG_APPEAR_MS - waited);
    }
    this.#reader.send({ kind: "end" });
    this.close();
  }
}

function earliest(cursors: readonly LogCursor[]): LogCursor | undefined {
  let first: LogCursor | undefined;
  let at = Number.POSITIVE_INFINITY;
  for (const cursor of cursors) {
    const line = cursor.line();
    if (line === undefined || line.at >= at) continue;
    first = cursor;
    at = line.at;
  }
  return first;
}

/**
 * Of the last lines of each stream, keeps the latest `count` of all and moves the cursors there.
 */
function seekLatest(
  cursors: readonly LogCursor[],
  found: readonly FoundLines[],
  wanted: { readonly count: number; readonly since: number | undefined },
): void {
  const lines = cursors.flatMap((cursor, index) =>
    (found[index]?.starts ?? []).map((start) => ({ index, start, at: cursor.markAt(start).at })),
  );
  // Stable: equal times keep the order of the streams, and of the lines within one.
  const latest = lines.toSorted((a, b) => a.at - b.at).slice(-wanted.count);
  for (const [index, cursor] of cursors.entries()) {
    const kept = wanted.count === 0 ? [] : latest.filter((line) => line.index === index);
    const from = kept.find((line) => wanted.since === undefined || line.at >= wanted.since);
    cursor.seek(from?.start ?? found[index]?.end ?? 0);
  }
}

function messageOf(cursor: LogCursor, line: TimedLine): LogMessage {
  return {
    kind: "line",
    taskId: cursor.task,
    stream: cursor.name,
    atNs: `${line.at}000000`,
    line: line.bytes,
    ...(line.partial ? { partial: true } : {}),
    ...(line.late ? { late: true } : {}),
  };
}
