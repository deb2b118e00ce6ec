/**
 * Keeps the output of tasks within bounds: the oldest part of a long file is given back to the file
 * system (a hole, by `fallocate` of util-linux), while the task goes on writing at its end. Where a
 * file system has no holes the file is cut to nothing, which loses all that was written so far; a
 * task opens its output for appending, so that it goes on at the new end.
 */
import { execFile } from "node:child_process";
import { promises as fs } from "node:fs";
import { join } from "node:path";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import { LOG_KEEP_LOOK_MS, LOG_KEPT_BYTES_MAX, LOG_SLACK_BYTES } from "../../limits.ts";
import { STREAMS } from "../log-files.ts";
import { HOLE_BLOCK_BYTES } from "../log-start.ts";

export interface LogKeeperOptions {
  /** Absolute: the tasks' directories. */
  readonly directory: string;
  /** Tasks whose output may grow. */
  readonly tasks: () => readonly KeptTask[];
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface KeptTask {
  readonly taskId: string;
  /** Of each stream; absent: this package's limit, which is also the most there is. */
  readonly keepBytes?: number;
}

const BLOCK_BYTES = 512;

export class LogKeeper {
  readonly #options: LogKeeperOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LogKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      void this.look().then(() => this.start());
    }, LOG_KEEP_LOOK_MS);
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** One look at every output; resolves when what was too long is cut. */
  async look(): Promise<void> {
    for (const { taskId, keepBytes = LOG_KEPT_BYTES_MAX } of this.#options.tasks()) {
      // Less than a block cannot be told from nothing.
      const kept = Math.max(HOLE_BLOCK_BYTES, Math.min(keepBytes, LOG_KEPT_BYTES_MAX));
      for (const stream of STREAMS) {
        await this.#keep(join(this.#options.directory, taskId, stream), kept);
      }
    }
  }

  async #keep(path: string, kept: number): Promise<void> {
    const { log, metrics } = this.#options;
    const found = await fs.stat(path).catch(() => undefined);
    if (found === undefined) return;
    // What a hole has given back is not allocated any more.
    const held = Math.min(found.size, found.blocks * BLOCK_BYTES);
    const slack = Math.min(LOG_SLACK_BYTES, kept);
    if (held <= kept + slack) return;
    const blocks = Math.floor((found.size - kept) / HOLE_BLOCK_BYTES);
    const failed = await punch(path, blocks * HOLE_BLOCK_BYTES);
    metrics.count("skein_log_bytes_dropped_total", held - kept);
    if (failed === undefined) return;
    log.write("warn", "output cut to nothing: no holes here", { path, reason: failed });
    await fs.truncate(path, 0).catch((error: unknown) => {
      log.write("error", "cannot bound output", { path, error: String(error) });
    });
  }
}

/** Undefined: done; else why not. */
function punch(path: string, bytes: number): Promise<string | undefined> {
  const args = ["--punch-hole", "--offset", "0", "--length", String(bytes), path];
  return new Promise((resolve) => {
    execFile("fallocate", args, (error, _out, err) => {
      resolve(error === null ? undefined : err.trim() || error.message);
    });
  });
}
