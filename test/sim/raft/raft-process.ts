/**
 * One process of a Raft member, without a cluster around it: the machine under its production
 * driver, the production log on a simulated disk, the production bookkeeping of proposals and
 * reads, and registers for a state machine.
 */
import { assert, must, unreachable } from "@skein/common/assert";
import { Driver } from "@skein/common/host/driver";
import type { LogIndex, RaftId, Term } from "@skein/common/ids";
import { logIndex } from "@skein/common/ids";
import { decode } from "@skein/common/wire/codec";
import type {
  Configuration,
  Entry,
  MemberChange,
  RaftEffect,
  RaftInput,
  RaftMessage,
  SnapshotMeta,
} from "@skein/manager/raft/protocol";
import { configurationSchema } from "@skein/manager/raft/protocol";
import type { CreateRaftOptions, Raft } from "@skein/manager/raft/raft";
import type { Compaction } from "@skein/manager/shell/manager-ports";
import { Proposals } from "@skein/manager/shell/proposals";
import { createRaftHost } from "@skein/manager/shell/raft-host";
import { Reads } from "@skein/manager/shell/reads";
import type { OpenedRaftStorage, RaftStorage } from "@skein/manager/wal/raft-storage";
import type { Reading } from "../../linearizability/model.ts";
import type { Asked, RegisterServer, WriteDone } from "../clients/server.ts";
import type { SimProcessClock } from "../sim-clock.ts";
import { encodeAsked, Registers } from "./registers.ts";

export interface SentSnapshot {
  readonly from: RaftId;
  readonly term: Term;
  readonly meta: SnapshotMeta;
  readonly state: Uint8Array;
}

/** What carries messages and snapshots between members. */
export interface RaftWire {
  send(from: RaftId, to: RaftId, message: RaftMessage): void;
  sendSnapshot(to: RaftId, snapshot: SentSnapshot, done: (delivered: boolean) => void): void;
}

export interface RaftProcessOptions {
  readonly id: RaftId;
  readonly opened: OpenedRaftStorage;
  readonly clock: SimProcessClock;
  readonly raft: Omit<CreateRaftOptions, "id" | "recovered" | "now">;
  readonly createRaft: (options: CreateRaftOptions) => Raft;
  readonly wire: RaftWire;
  readonly compaction: Compaction;
  fatal(reason: string): void;
  applied(index: LogIndex, digest: number): void;
  roleChanged(effect: Extract<RaftEffect, { readonly kind: "role" }>): void;
}

export class RaftProcess implements RegisterServer {
  readonly raft: Raft;
  readonly #options: RaftProcessOptions;
  readonly #storage: RaftStorage;
  readonly #driver: Driver<RaftInput, RaftEffect>;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #registers = new Registers();
  #applied: LogIndex;
  #appliedTerm: Term;
  /** As of `applied`: what a snapshot taken now must carry. */
  #configuration: Configuration;
  #snapshotIndex: LogIndex;
  #saving = false;
  #arrived: SentSnapshot | undefined;
  /** Changes have the negative tokens. */
  #changes = 0;

  constructor(options: RaftProcessOptions) {
    const { id, opened, clock, createRaft } = options;
    const { storage, recovered, state } = opened;
    this.#options = options;
    this.#storage = storage;
    if (state !== undefined) this.#registers.restore(state);
    this.#applied = recovered.snapshot.index;
    this.#appliedTerm = recovered.snapshot.term;
    this.#configuration = recovered.snapshot.configuration;
    this.#snapshotIndex = recovered.snapshot.index;
    this.#proposals = new Proposals(clock);
    this.#reads = new Reads(clock, (token) => this.submit({ kind: "read", token }));
    this.raft = createRaft({ ...options.raft, id, recovered, now: clock.now() });
    const perform = (effect: RaftEffect): void => this.#perform(effect);
    const fatal = (reason: string): void => options.fatal(reason);
    this.#driver = new Driver(this.raft, createRaftHost({ storage, perform, fatal }), clock);
    this.#driver.submit({ kind: "wake" });
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  get digest(): number {
    return this.#registers.digest;
  }

  submit(input: RaftInput): void {
    this.#driver.submit(input);
  }

  change(change: MemberChange): void {
    this.#changes -= 1;
    this.submit({ kind: "change", token: this.#changes, change });
  }

  write(asked: Asked, done: WriteDone): void {
    const token = this.#proposals.register(asked.request, done);
    this.submit({ kind: "propose", token, data: encodeAsked(asked) });
  }

  linearize(done: (ok: boolean) => void): void {
    this.#reads.read((result) => done(result.ok));
  }

  reading(name: string): Reading | undefined {
    return this.#registers.reading(name);
  }

  leader(): string | undefined {
    return this.raft.status().leader;
  }

  /** Durable first, told to Raft second. `stored` false: it could not be kept. */
  snapshotArrived(snapshot: SentSnapshot, stored: (ok: boolean) => void): void {
    const { from, term, meta, state } = snapshot;
    const tell = (): void => this.submit({ kind: "snapshot-received", from, term, meta });
    if (meta.index <= this.#applied) {
      stored(true);
      return tell();
    }
    this.#storage.saveSnapshot(meta, state, (error) => {
      stored(error === undefined);
      if (error !== undefined) return;
      this.#arrived = snapshot;
      tell();
    });
  }

  /** Takes a snapshot now, keeping so many entries before it for members that lag. */
  compact(keepEntries: number): void {
    if (this.#saving || this.#applied <= this.#snapshotIndex) return;
    this.#saving = true;
    const meta: SnapshotMeta = {
      index: this.#applied,
      term: this.#appliedTerm,
      configuration: this.#configuration,
    };
    this.#storage.saveSnapshot(meta, this.#registers.snapshot(), (error) => {
      this.#saving = false;
      if (error !== undefined) return;
      this.#snapshotIndex = meta.index;
      const keepFrom = logIndex(Math.max(1, meta.index - keepEntries));
      this.#storage.compact(keepFrom);
      this.submit({ kind: "compact", meta, keepFrom });
    });
  }

  #perform(effect: RaftEffect): void {
    const { wire, id } = this.#options;
    switch (effect.kind) {
      case "send":
        return wire.send(id, effect.to, effect.message);
      case "apply":
        return this.#apply(effect.entries);
      case "appended":
        return this.#proposals.appended(effect.token, effect.index, effect.term);
      case "refused":
        if (effect.token % 2 === 1) this.#proposals.refused(effect.token, effect.reason);
        else this.#reads.refused(effect.token, effect.reason);
        return;
      case "read-ready":
        return this.#reads.ready(effect.token, effect.index, this.#applied);
      case "role":
        return this.#options.roleChanged(effect);
      case "send-snapshot":
        return this.#sendSnapshot(effect.to, effect.term);
      case "install-snapshot":
        return this.#install(effect.meta);
      case "configuration":
      case "change-refused":
        return;
      case "persist":
        throw new Error("persist effects are the driver's");
      default:
        unreachable(effect);
    }
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      assert(entry.index === this.#applied + 1, `applied ${entry.index} after ${this.#applied}`);
      if (entry.kind === "config") {
        const configuration = decode(configurationSchema, entry.data);
        assert(configuration.ok, `the configuration at ${entry.index} does not decode`);
        if (configuration.ok) this.#configuration = configuration.value;
      } else if (entry.kind === "command") {
        this.#proposals.applied(entry.index, entry.term, this.#registers.apply(entry));
      }
      this.#applied = entry.index;
      this.#appliedTerm = entry.term;
    }
    this.#options.applied(this.#applied, this.#registers.digest);
    this.#reads.applied(this.#applied);
    const { everyEntries, keepEntries } = this.#options.compaction;
    if (this.#applied - this.#snapshotIndex >= everyEntries) this.compact(keepEntries);
  }

  #sendSnapshot(to: RaftId, term: Term): void {
    const { wire, id } = this.#options;
    const ended = (delivered: boolean): void =>
      this.submit({ kind: "snapshot-sent", to, delivered });
    this.#storage.readSnapshot((found) => {
      if (!found.ok) return ended(false);
      const { meta, state } = found.value;
      wire.sendSnapshot(to, { from: id, term, meta, state }, ended);
    });
  }

  #install(meta: SnapshotMeta): void {
    const { state } = must(this.#arrived, `the snapshot ${meta.index} to install`);
    assert(this.#arrived?.meta.index === meta.index, "another snapshot than the one that arrived");
    this.#arrived = undefined;
    this.#registers.restore(state);
    this.#applied = meta.index;
    this.#appliedTerm = meta.term;
    this.#configuration = meta.configuration;
    this.#snapshotIndex = meta.index;
    this.#options.applied(this.#applied, this.#registers.digest);
    this.#reads.applied(this.#applied);
  }
}
