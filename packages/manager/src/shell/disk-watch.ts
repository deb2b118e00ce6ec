/**
 * What becomes of a manager whose disk is full or stuck: writes are refused before anything is
 * appended, somebody else is made the leader, and it goes on by itself when the disk does. Raft
 * needs nothing for it: a member that makes nothing durable acknowledges nothing.
 */
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Instant } from "@skein/common/time";
import { DISK_LOOK_MS, DISK_STUCK_MS, DISK_TRANSFER_PAUSE_MS, RAFT_STALL_MS } from "../limits.ts";
import type { LogSpace, RaftStorage } from "../wal/raft-storage.ts";

export interface DiskWatchOptions {
  readonly storage: Pick<RaftStorage, "space" | "watchSpace" | "retrySpace">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** This manager leads. */
  leads(): boolean;
  /** Hands leadership to somebody else, if there is one. */
  handOver(): void;
}

/** As a number, for the gauge. */
const LEVELS: Readonly<Record<LogSpace, number>> = { enough: 0, short: 1, none: 2 };

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #timer: Timer | undefined;
  /** A write of the log is under way since then. */
  #since: Instant | undefined;
  #handedOverAt: Instant | undefined;
  #isClosed = false;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
    options.storage.watchSpace((space) => this.#spaceChanged(space));
  }

  /** Why nothing may be written, if so. */
  get refusal(): string | undefined {
    if (this.#options.storage.space === "enough") return undefined;
    return "the disk of the leading manager is full: nothing was written: free some space there";
  }

  writeBegan(): void {
    this.#since = this.#options.clock.now();
    this.#arm();
  }

  writeEnded(): void {
    this.#since = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #spaceChanged(space: LogSpace): void {
    const { log, metrics } = this.#options;
    metrics.gauge("skein_wal_space_level", LEVELS[space]);
    log.write(space === "enough" ? "info" : "error", "space for the log", { space });
    if (space !== "enough") this.#handOver("its disk is full");
    this.#arm();
  }

  /** One timer, and none while the disk keeps up. */
  #arm(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    const { clock } = this.#options;
    const due = clock.now() + DISK_LOOK_MS;
    this.#timer = clock.after(DISK_LOOK_MS, () => {
      this.#timer = undefined;
      this.#look(clock.now() - due);
    });
  }

  #look(lateMs: number): void {
    const { storage, clock } = this.#options;
    // This process stood still: whether the disk did is not known, its answer may be unread.
    if (lateMs > RAFT_STALL_MS && this.#since !== undefined) this.#since = clock.now();
    const isFull = storage.space !== "enough";
    if (isFull) storage.retrySpace();
    const isStuck = this.#since !== undefined && clock.now() - this.#since >= DISK_STUCK_MS;
    if (isFull || isStuck) this.#handOver(isFull ? "its disk is full" : "its disk is stuck");
    if (isFull || this.#since !== undefined) this.#arm();
  }

  #handOver(why: string): void {
    const { clock, log, leads, handOver } = this.#options;
    if (!leads()) return;
    const now = clock.now();
    const last = this.#handedOverAt;
    if (last !== undefined && now - last < DISK_TRANSFER_PAUSE_MS) return;
    this.#handedOverAt = now;
    log.write("warn", "handing leadership over", { why });
    handOver();
  }
}
