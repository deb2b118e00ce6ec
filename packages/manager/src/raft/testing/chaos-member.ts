/**
 * One member in the storm: the production driver around the machine, a disk with latency, a state
 * machine that folds what it applies into a digest, and a process that can crash and come back.
 */
import { assert, must } from "@skein/common/assert";
import type { EffectTiming } from "@skein/common/host/driver";
import { Driver } from "@skein/common/host/driver";
import type { LogIndex, RaftId, Term } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Random } from "@skein/common/io/random";
import { wallTime } from "@skein/common/time";
import type { ClusterInvariants } from "../invariants.ts";
import { toIndex } from "../log.ts";
import type { Entry, RaftEffect, RaftInput, RaftMessage, SnapshotMeta } from "../protocol.ts";
import type { Raft } from "../raft.ts";
import { createRaft } from "../raft.ts";
import type { RaftLimits } from "../timing.ts";
import type { EventQueue } from "./event-queue.ts";
import type { MemoryDisk, PersistEffect } from "./memory-disk.ts";

/** The state machine: what was applied, folded. Equal index must mean equal digest, everywhere. */
export interface MachineState {
  readonly index: LogIndex;
  readonly term: Term;
  readonly digest: number;
}

export interface StoredSnapshot {
  readonly meta: SnapshotMeta;
  readonly state: MachineState;
}

/** What a member needs of the storm around it. */
export interface Surroundings {
  readonly queue: EventQueue;
  readonly random: Random;
  readonly invariants: ClusterInvariants;
  readonly limits: Partial<RaftLimits>;
  diskDelayMs(): number;
  deliver(from: RaftId, to: RaftId, message: RaftMessage): void;
  sendSnapshot(from: ChaosMember, to: RaftId, term: Term): void;
  applied(member: ChaosMember, entries: readonly Entry[]): void;
  told(member: ChaosMember, effect: RaftEffect): void;
}

export class ChaosMember {
  readonly id: RaftId;
  readonly disk: MemoryDisk;
  machine: MachineState;
  /** Snapshots on disk by index; recovery needs the one the log starts behind. */
  readonly snapshots = new Map<LogIndex, StoredSnapshot>();
  arrived: StoredSnapshot | undefined;
  raft: Raft | undefined;
  /** Stopped (not dead) until then: timers and messages wait. */
  pausedUntil = 0;
  #around: Surroundings;
  #driver: Driver<RaftInput, RaftEffect> | undefined;
  #life = 0;
  #writing: readonly PersistEffect[] = [];

  constructor(id: RaftId, disk: MemoryDisk, around: Surroundings) {
    this.id = id;
    this.disk = disk;
    this.#around = around;
    const meta = disk.recovered().snapshot;
    this.machine = { index: meta.index, term: meta.term, digest: 0 };
    this.snapshots.set(meta.index, { meta, state: this.machine });
  }

  get alive(): boolean {
    return this.raft !== undefined;
  }

  start(): void {
    const { queue, random, limits, invariants } = this.#around;
    const recovered = this.disk.recovered();
    const stored = must(this.snapshots.get(recovered.snapshot.index), "the recovered snapshot");
    this.machine = stored.state;
    const raft = createRaft({ id: this.id, recovered, random, now: queue.now, limits });
    this.raft = raft;
    invariants.started(raft);
    this.#driver = this.#createDriver(raft);
    this.submit({ kind: "wake" });
  }

  /**
   * Loses everything that was not durable; of the batch being written, a prefix may have made it.
   */
  crash(): void {
    this.#driver?.close();
    this.#driver = undefined;
    this.raft = undefined;
    this.#life += 1;
    const made = this.#around.random.below(this.#writing.length + 1);
    for (const write of this.#writing.slice(0, made)) this.#write(write);
    this.#writing = [];
    this.arrived = undefined;
  }

  submit(input: RaftInput | { readonly kind: "wake" }): void {
    this.#driver?.submit(input);
  }

  /** Runs `what` in this life, later if the process is stopped; never if it died meanwhile. */
  soon(delayMs: number, what: () => void): void {
    const life = this.#life;
    this.#around.queue.after(delayMs, () => {
      if (life !== this.#life) return;
      const wait = this.pausedUntil - this.#around.queue.now;
      if (wait > 0) this.soon(wait, what);
      else what();
    });
  }

  /** Takes a snapshot of what is applied, keeping `kept` entries for members that lag. */
  compact(kept: number): void {
    const status = must(this.raft, "a living member").status();
    if (status.applied <= status.snapshotIndex) return;
    assert(status.applied === this.machine.index, "the state machine lags behind Raft");
    const { index, term } = this.machine;
    const meta = { index, term, configuration: status.appliedConfiguration };
    this.snapshots.set(index, { meta, state: this.machine });
    this.disk.saveSnapshot(meta);
    const keepFrom = toIndex(Math.max(1, index + 1 - kept));
    this.submit({ kind: "compact", meta, keepFrom });
  }

  newestSnapshot(): StoredSnapshot {
    const { snapshot } = this.disk.recovered();
    return must(this.snapshots.get(snapshot.index), "the newest snapshot");
  }

  #createDriver(raft: Raft): Driver<RaftInput, RaftEffect> {
    const { invariants } = this.#around;
    const checked = {
      step: (...input: Parameters<Raft["step"]>) => {
        const effects = raft.step(...input);
        invariants.stepped(raft, effects);
        return effects;
      },
      wakeAt: () => raft.wakeAt(),
    };
    const host = {
      timing: timingOf,
      perform: (effect: RaftEffect) => this.#perform(effect),
      persist: (batch: readonly RaftEffect[], done: (error: undefined) => void) =>
        this.#persist(batch.filter(isPersist), done),
      persisted: (upTo: number): RaftInput => ({ kind: "persisted", upTo }),
    };
    return new Driver<RaftInput, RaftEffect>(checked, host, this.#clock());
  }

  #clock(): Clock {
    return {
      now: () => this.#around.queue.now,
      wall: () => wallTime(0),
      after: (delayMs, what): Timer => {
        let cancelled = false;
        this.soon(delayMs, () => {
          if (!cancelled) what();
        });
        return {
          cancel: () => {
            cancelled = true;
          },
        };
      },
    };
  }

  #persist(batch: readonly PersistEffect[], done: (error: undefined) => void): void {
    this.#writing = batch;
    this.soon(this.#around.diskDelayMs(), () => {
      this.#writing = [];
      for (const write of batch) this.#write(write);
      done(undefined);
    });
  }

  #write(effect: PersistEffect): void {
    this.disk.write(effect);
  }

  #perform(effect: RaftEffect): void {
    if (effect.kind === "send") this.#around.deliver(this.id, effect.to, effect.message);
    else if (effect.kind === "send-snapshot") {
      this.#around.sendSnapshot(this, effect.to, effect.term);
    } else if (effect.kind === "install-snapshot") this.#install(effect.meta);
    else if (effect.kind === "apply") this.#apply(effect.entries);
    else this.#around.told(this, effect);
  }

  #install(meta: SnapshotMeta): void {
    const arrived = must(this.arrived, "the snapshot to install");
    assert(arrived.meta.index === meta.index, "another snapshot than the one that arrived");
    this.snapshots.set(meta.index, arrived);
    this.machine = arrived.state;
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      assert(entry.index === this.machine.index + 1, `applied ${entry.index} out of order`);
      const digest = fold(fold(this.machine.digest, entry.term), entry.data[0] ?? 0);
      this.machine = { index: entry.index, term: entry.term, digest };
    }
    this.#around.applied(this, entries);
  }
}

export function fold(digest: number, value: number): number {
  return (Math.imul(digest ^ value, 0x01000193) + 0x9e3779b9) >>> 0;
}

function timingOf(effect: RaftEffect): EffectTiming {
  if (effect.kind === "persist") return "persist";
  return effect.kind === "send" ? effect.timing : "now";
}

function isPersist(effect: RaftEffect): effect is PersistEffect {
  return effect.kind === "persist";
}
