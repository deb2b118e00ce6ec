/**
 * Idle connections to tasks of this node, for the next request: a new one costs more than the
 * request. None to other nodes: one that went silent would swallow the request, where a new stream
 * to it is raced by another task's; and a stream on a link that is there costs a frame.
 */
import type { TaskId } from "@skein/common/ids";
import { POOL_FRESH_MS, POOL_IDLE_MS, POOL_PER_TASK_MAX } from "../../limits.ts";
import type { Conn } from "./conn.ts";
import { DEAF } from "./conn.ts";
import type { Connect } from "./tries.ts";

interface Idle {
  readonly conn: Conn;
  readonly since: number;
}

export class HttpPool {
  readonly #now: () => number;
  /** By task and port; the one used last is at the end. */
  readonly #idle = new Map<string, Idle[]>();
  #tasks: ReadonlySet<TaskId> = new Set();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `fresh`: only one that was used just now, since the request must not be sent twice. */
  take({ taskId, target }: Connect, fresh: boolean): Conn | undefined {
    if (target.kind === "remote") return undefined;
    const key = `${taskId}:${target.port}`;
    const last = this.#idle.get(key)?.at(-1);
    if (last === undefined) return undefined;
    if (fresh && this.#now() - last.since > POOL_FRESH_MS) return undefined;
    this.#drop(key, last);
    last.conn.listen(DEAF);
    return last.conn;
  }

  put({ taskId, target }: Connect, conn: Conn): void {
    const key = `${taskId}:${target.port}`;
    const list = this.#idle.get(key) ?? [];
    const isFull = list.length >= POOL_PER_TASK_MAX;
    if (target.kind === "remote" || isFull || !this.#tasks.has(taskId)) {
      conn.listen(DEAF);
      return conn.destroy();
    }
    const idle = { conn, since: this.#now() };
    list.push(idle);
    this.#idle.set(key, list);
    const gone = (): void => {
      this.#drop(key, idle);
      conn.listen(DEAF);
      conn.destroy();
    };
    // Whatever it says now, nobody asked for: it is of no use any more.
    conn.listen({ data: gone, end: gone, drained: () => undefined, closed: gone });
    conn.resume();
  }

  /** Closes connections to tasks that are not in rotation any more. */
  retain(tasks: ReadonlySet<TaskId>): void {
    this.#tasks = tasks;
    const known: ReadonlySet<string> = tasks;
    this.#closeIf((key) => !known.has(key.slice(0, key.lastIndexOf(":"))));
  }

  /** Closes what was idle for too long: the task is about to close it, and would race a request. */
  sweep(): void {
    const before = this.#now() - POOL_IDLE_MS;
    this.#closeIf((_key, idle) => idle.since < before);
  }

  shut(): void {
    this.#closeIf(() => true);
  }

  #closeIf(isOver: (key: string, idle: Idle) => boolean): void {
    for (const [key, list] of this.#idle) {
      for (const idle of list.filter((one) => isOver(key, one))) {
        this.#drop(key, idle);
        idle.conn.listen(DEAF);
        idle.conn.destroy();
      }
    }
  }

  #drop(key: string, idle: Idle): void {
    const list = this.#idle.get(key);
    const at = list?.lastIndexOf(idle) ?? -1;
    if (list === undefined || at < 0) return;
    list.splice(at, 1);
    if (list.length === 0) this.#idle.delete(key);
  }
}
