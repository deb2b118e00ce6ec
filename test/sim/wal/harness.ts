/**
 * A Raft storage on a simulated disk, driven step by step: what every test of the log starts from.
 */
import { clusterId, logIndex, raftId, term } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Random } from "@skein/common/io/random";
import type {
  Configuration,
  Entry,
  HardState,
  RaftRecovered,
  SnapshotMeta,
} from "@skein/manager/raft/protocol";
import type {
  OpenedRaftStorage,
  PersistEffect,
  RaftStorage,
  RaftStorageOptions,
  StorageError,
} from "@skein/manager/wal/raft-storage";
import { openRaftStorage } from "@skein/manager/wal/raft-storage";
import { seededRandom } from "../seeded-random.ts";
import type { SimDiskOptions } from "../sim-disk.ts";
import { SimDisk } from "../sim-disk.ts";
import { VirtualClock } from "../virtual-clock.ts";

export const CLUSTER = clusterId("cluster-1");
export const MEMBER = raftId("member-1");
export const DIRECTORY = "raft";
/** Small, so that a test rotates often. */
export const SEGMENT_BYTES = 8 * 512;

export const CONFIGURATION: Configuration = {
  voters: [MEMBER],
  learners: [],
  addresses: { [MEMBER]: { nodeId: "node-1", address: "127.0.1.1:2377" } },
};

export type Opened = OpenedRaftStorage & { readonly ok: true };
export type OpenFailure = { readonly ok: false; readonly error: StorageError };

export class WalWorld {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly disk: SimDisk;
  readonly counts = new Map<string, number>();

  constructor(seed: number, options: Partial<SimDiskOptions> = {}) {
    this.random = seededRandom(seed);
    this.disk = new SimDisk({ clock: this.clock, random: this.random, ...options });
  }

  /** Opens on `disk` and runs until that is done; what happens in the background goes on later. */
  open(options: Partial<RaftStorageOptions> = {}): Opened | OpenFailure {
    return this.#open(this.options(options));
  }

  openWithoutBootstrap(): Opened | OpenFailure {
    const { bootstrap: _, ...options } = this.options();
    return this.#open(options);
  }

  #open(options: RaftStorageOptions): Opened | OpenFailure {
    let result: Opened | OpenFailure | undefined;
    openRaftStorage(options, (answer) => {
      result = answer.ok ? { ok: true, ...answer.value } : answer;
    });
    this.clock.run(() => result !== undefined);
    if (result === undefined) throw new Error("opening did not end");
    return result;
  }

  /** Opens what must be there to open. */
  mustOpen(options: Partial<RaftStorageOptions> = {}): OpenedRaftStorage {
    const opened = this.open(options);
    if (!opened.ok) throw new Error(`not opened: ${opened.error.code}: ${opened.error.message}`);
    return opened;
  }

  options(options: Partial<RaftStorageOptions> = {}): RaftStorageOptions {
    return {
      disk: this.disk,
      directory: DIRECTORY,
      clusterId: CLUSTER,
      raftId: MEMBER,
      bootstrap: CONFIGURATION,
      random: this.random,
      log: silentLog,
      metrics: this.#metrics(),
      clock: this.clock,
      segmentBytes: SEGMENT_BYTES,
      ...options,
    };
  }

  /** Runs until the completion of one call; the failure's text if it failed. */
  wait(call: (done: (error: string | undefined) => void) => void): string | undefined {
    let ended = false;
    let failure: string | undefined;
    call((error) => {
      ended = true;
      failure = error;
    });
    this.clock.run(() => ended);
    if (!ended) throw new Error("the call did not end");
    return failure;
  }

  /** A batch that waits for space has not failed: it is told as `waits for space` all the same. */
  persist(storage: RaftStorage, ...batch: readonly PersistEffect[]): string | undefined {
    let answer: { readonly failure: string | undefined } | undefined;
    storage.persist(batch, (failure) => (answer = { failure }));
    this.clock.run(() => answer !== undefined || storage.space === "none");
    if (answer === undefined && storage.space !== "none") throw new Error("persist did not end");
    return answer === undefined ? "waits for space" : answer.failure;
  }

  save(storage: RaftStorage, meta: SnapshotMeta, state: string): string | undefined {
    return this.wait((done) => storage.saveSnapshot(meta, Buffer.from(state), done));
  }

  close(storage: RaftStorage): void {
    this.wait((done) => storage.close(() => done(undefined)));
  }

  files(): readonly string[] {
    return this.disk.names(DIRECTORY);
  }

  #metrics(): Metrics {
    return {
      count: (name, by = 1) => this.counts.set(name, (this.counts.get(name) ?? 0) + by),
      gauge: (name, value) => this.counts.set(name, value),
      observeMs: (name) => this.counts.set(name, (this.counts.get(name) ?? 0) + 1),
    };
  }
}

export function entry(index: number, inTerm: number, data: string | Uint8Array = ""): Entry {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return { index: logIndex(index), term: term(inTerm), kind: "command", data: bytes };
}

export function hardState(inTerm: number, commit: number, vote?: string): HardState {
  const state = { term: term(inTerm), commit: logIndex(commit) };
  return vote === undefined ? state : { ...state, votedFor: raftId(vote) };
}

export function effect(state: HardState, ...entries: readonly Entry[]): PersistEffect {
  return { kind: "persist", hardState: state, entries };
}

export function meta(index: number, inTerm: number): SnapshotMeta {
  return { index: logIndex(index), term: term(inTerm), configuration: CONFIGURATION };
}

/** Comparable in one line: what Raft is told. */
export function describeRecovered(recovered: RaftRecovered): string {
  const { hardState: state, snapshot, entries } = recovered;
  const items = entries.map((e) => `${e.index}.${e.term}:${Buffer.from(e.data).toString()}`);
  const vote = state.votedFor ?? "-";
  return (
    `term ${state.term} vote ${vote} commit ${state.commit} ` +
    `snapshot ${snapshot.index}.${snapshot.term} [${items.join(" ")}]`
  );
}
