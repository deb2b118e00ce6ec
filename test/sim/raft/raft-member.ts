/** One Raft member of the simulator: a disk that outlives processes, and a process or none. */
import { assert } from "@skein/common/assert";
import { clusterId, type LogIndex, type RaftId } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import type { Configuration, RaftEffect } from "@skein/manager/raft/protocol";
import type { CreateRaftOptions, Raft } from "@skein/manager/raft/raft";
import type { RaftLimits } from "@skein/manager/raft/timing";
import { openRaftStorage } from "@skein/manager/wal/raft-storage";
import type { ClientNode, RegisterServer } from "../clients/server.ts";
import type { SimClock, SimProcessClock } from "../sim-clock.ts";
import type { CrashLoss } from "../sim-disk.ts";
import type { SimRandom } from "../sim-random.ts";
import { NodeDisk } from "../world/node-disk.ts";
import type { RaftWire } from "./raft-process.ts";
import { RaftProcess } from "./raft-process.ts";

export interface RaftMemberOptions {
  readonly id: RaftId;
  /** What a new log begins with; one who joins later knows nobody. */
  readonly bootstrap: Configuration;
  readonly clock: SimClock;
  readonly random: SimRandom;
  readonly limits: Partial<RaftLimits>;
  /** How fast its clock runs, in hundredths. */
  readonly pace: number;
  readonly wire: RaftWire;
  createRaft(options: CreateRaftOptions): Raft;
  /** Its process ended by itself: its disk failed. */
  ended(reason: string): void;
  applied(index: LogIndex, digest: number): void;
  roleChanged(effect: Extract<RaftEffect, { readonly kind: "role" }>): void;
}

const CLUSTER = clusterId("simulated");
/** So small that a run fills many of them. */
const SEGMENT_BYTES = 16 * 1024;

export class RaftMember implements ClientNode {
  readonly id: RaftId;
  readonly disk: NodeDisk;
  readonly #options: RaftMemberOptions;
  readonly #instantOffsetMs: number;
  readonly #compaction: { readonly everyEntries: number; readonly keepEntries: number };
  #clock: SimProcessClock | undefined;
  #process: RaftProcess | undefined;
  #lives = 0;

  constructor(options: RaftMemberOptions) {
    const { id, random } = options;
    this.id = id;
    this.#options = options;
    this.disk = new NodeDisk(random.fork("disk"));
    this.#instantOffsetMs = random.between(0, 1_000_000);
    // Often, so that members that were away are brought up by snapshots.
    this.#compaction = {
      everyEntries: random.between(10, 150),
      keepEntries: random.between(1, 20),
    };
  }

  get name(): string {
    return this.id;
  }

  get lives(): boolean {
    return this.#clock !== undefined;
  }

  /** Undefined while there is none, or it has not opened its log yet. */
  get process(): RaftProcess | undefined {
    return this.#process;
  }

  /** The process, unless it is stopped (SIGSTOP). */
  get running(): RaftProcess | undefined {
    return this.#clock?.state() === "running" ? this.#process : undefined;
  }

  start(): void {
    if (this.#clock !== undefined) return;
    const { id, bootstrap, random, pace } = this.#options;
    const process = this.#options.clock.process({
      instantOffsetMs: this.#instantOffsetMs,
      pace: pace / 100,
    });
    this.#clock = process;
    this.#lives += 1;
    this.disk.attach(process);
    const life = random.fork(`life-${this.#lives}`);
    openRaftStorage(
      {
        disk: this.disk.disk,
        directory: "raft",
        clusterId: CLUSTER,
        raftId: id,
        bootstrap,
        random: life,
        log: silentLog,
        metrics: noMetrics,
        clock: process,
        segmentBytes: SEGMENT_BYTES,
      },
      (opened) => {
        if (this.#clock !== process) return;
        if (!opened.ok) {
          assert(opened.error.code === "io", `${id}: ${opened.error.message}`);
          return this.#end(process, opened.error.message);
        }
        const { limits, createRaft, wire, applied, roleChanged } = this.#options;
        this.#process = new RaftProcess({
          id,
          opened: opened.value,
          clock: process,
          raft: { random: life, limits },
          createRaft,
          wire,
          compaction: this.#compaction,
          fatal: (reason) => this.#end(process, reason),
          applied,
          roleChanged,
        });
      },
    );
  }

  /** kill -9, or with a loss of power what was not synced goes as well. */
  kill(loss: CrashLoss): void {
    if (this.#clock === undefined) return;
    this.#clock.kill();
    this.#clock = undefined;
    this.#process = undefined;
    this.disk.disk.observe(undefined);
    this.disk.disk.crash(loss);
  }

  stop(): void {
    this.#clock?.stop();
  }

  continue(): void {
    this.#clock?.continue();
  }

  /** Runs `what` in whatever process lives then, later if it is stopped. */
  deliver(delayMs: number, what: (process: RaftProcess) => void): void {
    this.#options.clock.after(delayMs, () => {
      this.#clock?.deliver(0, () => {
        if (this.#process !== undefined) what(this.#process);
      });
    });
  }

  serve(delayMs: number, what: (server: RegisterServer | undefined) => void): boolean {
    this.#clock?.deliver(delayMs, () => what(this.#process));
    return this.#clock !== undefined;
  }

  /** After the step that failed: what it was about to do it has done. */
  #end(process: SimProcessClock, reason: string): void {
    this.#options.clock.after(0, () => {
      if (this.#clock !== process) return;
      this.kill("process");
      this.#options.ended(reason);
    });
  }
}
