/**
 * A seeded storm over the pure core: a network that drops, delays, duplicates and reorders, disks
 * of random latency, crashes that lose what was not durable, partitions, stopped processes, false
 * reports of death. The cluster's invariants are checked after every step. At the end everything
 * heals, and the cluster must agree, accept a write and answer reads.
 *
 * Each seed draws its own rates, some of them zero, so that rare combinations happen.
 */
import { assert, must } from "@skein/common/assert";
import type { RaftId, Term } from "@skein/common/ids";
import { logIndex, raftId, term } from "@skein/common/ids";
import type { Random } from "@skein/common/io/random";
import { later } from "@skein/common/time";
import { describeEffect, describeMessage, describeStatus } from "../describe.ts";
import type { ClusterInvariants } from "../invariants.ts";
import { createClusterInvariants } from "../invariants.ts";
import type { Configuration, Entry, RaftEffect, RaftMessage } from "../protocol.ts";
import { isMember, membersOf } from "../quorum.ts";
import type { RaftLimits } from "../timing.ts";
import { ChaosChanges, drawChange } from "./chaos-changes.ts";
import type { Surroundings } from "./chaos-member.ts";
import { ChaosMember, fold } from "./chaos-member.ts";
import type { Rates } from "./chaos-rates.ts";
import { drawConfiguration, drawCuts, drawLimits, drawRates } from "./chaos-rates.ts";
import type { ChaosReport } from "./chaos-report.ts";
import { EventQueue } from "./event-queue.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { seededRandom } from "./random.ts";

/** Heartbeats of faults, and those in which the cluster must recover, and serve, at the end. */
const STORM_HEARTBEATS = 60;
const RECOVERY_HEARTBEATS = 50;
const SERVICE_HEARTBEATS = 5;
/** The shortest time between two faults, in parts of a heartbeat. */
const FAULTS_PER_HEARTBEAT = 2;
/** Far above what any storm needs. */
const EVENTS_MAX = 200_000;
/** Members that may join in one storm, beyond the first ones. */
const JOINERS_MAX = 4;

export function runChaos(seed: number, log?: (line: string) => void): ChaosReport {
  return new Chaos(seed, log).run();
}

class Chaos {
  readonly #queue = new EventQueue();
  readonly #random: Random;
  readonly #heartbeatMs: number;
  #rates: Rates;
  readonly #first: Configuration;
  readonly #members: ChaosMember[];
  readonly #disks = new Map<string, MemoryDisk>();
  readonly #around: Surroundings;
  readonly #changes = new ChaosChanges();
  readonly #invariants: ClusterInvariants;
  readonly #cuts = new Set<string>();
  readonly #digests = new Map<number, number>();
  readonly #reads = new Map<number, number>();
  readonly #log: ((line: string) => void) | undefined;
  #healed = false;
  #trace = 0;
  #events = 0;
  #steps = 0;
  #token = 0;
  #readsAnswered = 0;
  #crashes = 0;
  #snapshotsSent = 0;

  constructor(seed: number, log: ((line: string) => void) | undefined) {
    this.#random = seededRandom(seed);
    this.#log = log;
    this.#rates = drawRates(this.#random);
    const configuration = drawConfiguration(this.#random);
    this.#invariants = createClusterInvariants(
      (id, index, atTerm) => this.#disks.get(id)?.holds(index, atTerm) ?? false,
    );
    const limits = drawLimits(this.#random);
    this.#heartbeatMs = limits.heartbeatMs;
    this.#around = this.#surroundings(limits);
    this.#first = configuration;
    this.#members = membersOf(configuration).map((id) => this.#newMember(id, configuration));
    this.#note(() => `rates ${JSON.stringify(this.#rates)}`);
  }

  run(): ChaosReport {
    for (const member of this.#members) member.start();
    for (let at = 0; at < STORM_HEARTBEATS * FAULTS_PER_HEARTBEAT; at += 1) {
      this.#runFor(this.#heartbeatMs / FAULTS_PER_HEARTBEAT);
      this.#fault();
      this.#work();
    }
    this.#heal();
    this.#runFor(this.#heartbeatMs * RECOVERY_HEARTBEATS);
    this.#serve();
    const statuses = this.#statuses();
    return {
      trace: this.#trace,
      steps: this.#steps,
      committed: this.#invariants.committed(),
      term: Math.max(...statuses.map((status) => status.term)),
      readsAnswered: this.#readsAnswered,
      crashes: this.#crashes,
      snapshotsSent: this.#snapshotsSent,
      changes: this.#changes.counts,
    };
  }

  #newMember(id: RaftId, configuration: Configuration): ChaosMember {
    const snapshot = { index: logIndex(0), term: term(0), configuration };
    const hardState = { term: term(0), commit: logIndex(0) };
    const disk = new MemoryDisk({ hardState, snapshot, entries: [] });
    this.#disks.set(id, disk);
    return new ChaosMember(id, disk, this.#around);
  }

  #surroundings(limits: Partial<RaftLimits>): Surroundings {
    return {
      queue: this.#queue,
      random: this.#random,
      invariants: this.#invariants,
      limits,
      diskDelayMs: () => this.#random.below((this.#healed ? 2 : this.#rates.diskMsMax) + 1),
      deliver: (from, to, message) => this.#deliver(from, to, message),
      sendSnapshot: (from, to, atTerm) => this.#sendSnapshot(from, to, atTerm),
      applied: (member, entries) => this.#applied(member, entries),
      told: (member, effect) => this.#told(member, effect),
    };
  }

  #runFor(milliseconds: number): void {
    const end = later(this.#queue.now, milliseconds);
    while (this.#queue.runNext(end)) {
      this.#events += 1;
      assert(this.#events < EVENTS_MAX, "the storm does not come to an end: something spins");
    }
    // Nothing is due before: time itself passes to the end.
    this.#queue.now = end;
  }

  #deliver(from: RaftId, to: RaftId, message: RaftMessage): void {
    this.#invariants.released(from, to, message);
    this.#steps += 1;
    this.#trace = fold(fold(this.#trace, this.#queue.now), message.term);
    this.#note(() => `${from} -> ${to} ${describeMessage(message)}`);
    const { dropPercent, duplicatePercent } = this.#rates;
    if (this.#cuts.has(`${from}>${to}`) || this.#happens(dropPercent)) return;
    this.#carry(from, to, message);
    if (this.#happens(duplicatePercent)) this.#carry(from, to, message);
    if (message.kind.startsWith("vote")) this.#strikeVoter(from);
  }

  /** Crashes a member the moment its vote left: what it promised must survive. */
  #strikeVoter(id: RaftId): void {
    if (this.#healed || !this.#happens(this.#rates.crashPercent)) return;
    const life = this.#member(id).raft;
    this.#queue.after(0, () => {
      if (this.#member(id).raft === life && life !== undefined)
        this.#crashOrStart(this.#member(id));
    });
  }

  #carry(from: RaftId, to: RaftId, message: RaftMessage): void {
    const { delayMsMax, strayPercent } = this.#rates;
    const base = this.#random.below(this.#healed ? 3 : delayMsMax + 1);
    const delayMs = this.#happens(strayPercent) ? base * 10 : base;
    this.#queue.after(delayMs, () => {
      const member = this.#member(to);
      member.soon(0, () => {
        this.#note(() => `   ${to} <- ${from} ${describeMessage(message)}`);
        member.submit({ kind: "receive", from, message });
      });
    });
  }

  #sendSnapshot(from: ChaosMember, to: RaftId, atTerm: Term): void {
    this.#snapshotsSent += 1;
    from.soon(5 + this.#random.below(60), () => {
      // Read late, as a shell does: the newest one now, in the name of the term that was.
      const stored = from.newestSnapshot();
      this.#note(() => `${from.id} -> ${to} snapshot ${stored.meta.index}:${stored.meta.term}`);
      const target = this.#member(to);
      const delivered =
        target.alive &&
        !this.#cuts.has(`${from.id}>${to}`) &&
        !this.#happens(this.#rates.dropPercent);
      if (delivered) {
        target.arrived = stored;
        const { meta } = stored;
        target.submit({ kind: "snapshot-received", from: from.id, term: atTerm, meta });
      }
      from.submit({ kind: "snapshot-sent", to, delivered });
    });
  }

  /** State machine safety, by what the state machines themselves hold. */
  #applied(member: ChaosMember, entries: readonly Entry[]): void {
    const { index, digest } = member.machine;
    const known = this.#digests.get(index) ?? digest;
    assert(known === digest, `${member.id} differs at ${index} after ${entries.length} entries`);
    this.#digests.set(index, digest);
    this.#trace = fold(fold(this.#trace, index), digest);
  }

  #told(member: ChaosMember, effect: RaftEffect): void {
    this.#note(() => `   ${member.id} ${describeEffect(effect)}`);
    if (effect.kind === "refused") this.#reads.delete(effect.token);
    if (effect.kind === "change-refused") this.#changes.refused();
    if (effect.kind === "appended") this.#changes.appended(effect.token);
    if (effect.kind !== "read-ready") return;
    const floor = this.#reads.get(effect.token);
    if (floor === undefined) return;
    assert(effect.index >= floor, `${member.id} reads at ${effect.index}, ${floor} was committed`);
    assert(member.machine.index >= effect.index, `${member.id} reads before it applied`);
    this.#reads.delete(effect.token);
    this.#readsAnswered += 1;
  }

  #fault(): void {
    const rates = this.#rates;
    // A storm that strikes at random seldom strikes the leader; half of this one does.
    const victim = (this.#happens(50) ? this.#anyLeader() : undefined) ?? this.#anyMember();
    if (this.#happens(rates.crashPercent)) this.#crashOrStart(victim);
    if (this.#happens(rates.partitionPercent)) this.#partition();
    if (this.#happens(rates.pausePercent) && victim.alive) {
      victim.pausedUntil = this.#queue.now + this.#random.below(this.#heartbeatMs * 12);
      this.#note(() => `${victim.id} is stopped until ${victim.pausedUntil}`);
    }
    if (this.#happens(rates.compactPercent) && victim.alive) victim.compact(this.#random.below(6));
    if (this.#happens(rates.falseDeathPercent)) {
      victim.submit({ kind: "peer-gone", peer: this.#anyMember().id });
    }
    if (this.#happens(rates.coupPercent)) this.#coup();
    if (this.#happens(2)) victim.submit({ kind: "transfer" });
    if (this.#happens(rates.changePercent)) this.#change();
    // Most members run most of the time, or nothing would happen.
    const dead = this.#members.filter((member) => !member.alive);
    if (dead.length * 2 >= this.#members.length) this.#crashOrStart(must(dead[0], "a dead member"));
  }

  #crashOrStart(member: ChaosMember): void {
    this.#note(() => `${member.id} ${member.alive ? "crashes" : "starts"}`);
    if (!member.alive) {
      member.start();
      for (const other of this.#members) other.submit({ kind: "peer-linked", peer: member.id });
      return;
    }
    this.#crashes += 1;
    member.crash();
    member.pausedUntil = 0;
    for (const other of this.#members) {
      if (this.#happens(50)) continue;
      other.soon(this.#random.below(30), () => {
        if (!member.alive) other.submit({ kind: "peer-gone", peer: member.id });
      });
    }
  }

  /**
   * A living leader is taken for dead by all, and hears nothing new: what is under way to it still
   * arrives. The worst case for whoever would answer reads out of old confirmations.
   */
  #coup(): void {
    const leader = this.#anyLeader();
    if (leader === undefined) return;
    this.#cuts.clear();
    for (const other of this.#members) {
      if (other === leader) continue;
      this.#cuts.add(`${other.id}>${leader.id}`);
      this.#cuts.add(`${leader.id}>${other.id}`);
      other.submit({ kind: "peer-gone", peer: leader.id });
    }
    this.#note(() => `coup against ${leader.id}`);
  }

  #partition(): void {
    this.#cuts.clear();
    const ids = this.#members.map((member) => member.id);
    for (const cut of drawCuts(this.#random, ids)) this.#cuts.add(cut);
    this.#note(() => `cuts ${[...this.#cuts].join(" ")}`);
  }

  /** Asks a leader, or whoever takes itself for one. The change may make no sense. */
  #change(): void {
    const leader = this.#anyLeader();
    if (leader === undefined) return;
    const { configuration } = must(leader.raft, "a leader's machine").status();
    const change = drawChange(this.#random, configuration, {
      anybody: () => this.#anyMember().id,
      joiner: () => this.#joiner(),
    });
    this.#token += 1;
    this.#changes.asked(this.#token, change);
    this.#note(() => `ask ${leader.id} to ${change.kind} ${change.id}`);
    leader.submit({ kind: "change", token: this.#token, change });
  }

  /** Somebody new, or one that joined before: it may be a member, or removed for good. */
  #joiner(): RaftId {
    const last = this.#members.length - membersOf(this.#first).length;
    if (last >= JOINERS_MAX) return this.#anyMember().id;
    const id = raftId(`j${last + 1}`);
    const member = this.#newMember(id, { voters: [], learners: [], addresses: {} });
    this.#members.push(member);
    member.start();
    return id;
  }

  #work(): void {
    for (let count = this.#random.below(this.#rates.writes + 1); count > 0; count -= 1) {
      this.#propose((this.#happens(90) ? this.#anyLeader() : undefined) ?? this.#anyMember());
    }
    this.#read(this.#anyMember());
    for (const leader of this.#leaders()) this.#read(leader);
  }

  #propose(member: ChaosMember): void {
    this.#token += 1;
    const data = new Uint8Array([this.#random.below(256), this.#token & 255, this.#token >> 8]);
    member.submit({ kind: "propose", token: this.#token, data });
  }

  #read(member: ChaosMember): number {
    this.#token += 1;
    this.#reads.set(this.#token, this.#invariants.committed());
    member.submit({ kind: "read", token: this.#token });
    return this.#token;
  }

  #heal(): void {
    this.#note(() => "heal");
    this.#healed = true;
    this.#cuts.clear();
    this.#rates = { ...this.#rates, dropPercent: 0, duplicatePercent: 0, strayPercent: 0 };
    for (const member of this.#members) {
      member.pausedUntil = 0;
      if (!member.alive) this.#crashOrStart(member);
    }
  }

  /** Liveness: one leader, one log, a write through it and a read at every member. */
  #serve(): void {
    const leaders = this.#leaders();
    const text = this.#statuses().map(describeStatus).join("\n");
    assert(leaders.length === 1, `${leaders.length} leaders after healing\n${text}`);
    const leader = must(leaders[0], "the leader");
    const before = this.#invariants.committed();
    this.#propose(leader);
    this.#runFor(this.#heartbeatMs * SERVICE_HEARTBEATS);
    const after = this.#invariants.committed();
    assert(after > before, `a write does not commit after healing\n${text}`);
    const { configuration } = must(leader.raft, "the leader's machine").status();
    assert(configuration.outgoing === undefined, `still joint after healing\n${text}`);
    const members = this.#members.filter((member) => isMember(configuration, member.id));
    const reads = members.map((member) => this.#read(member));
    this.#runFor(this.#heartbeatMs * SERVICE_HEARTBEATS);
    for (const token of reads) assert(!this.#reads.has(token), `read ${token} hangs\n${text}`);
    for (const member of members) {
      const status = must(member.raft, `${member.id} alive`).status();
      assert(status.applied === after, `not caught up: ${describeStatus(status)}`);
    }
  }

  #statuses() {
    return this.#members.map((member) => must(member.raft, `${member.id} alive`).status());
  }

  #member(id: RaftId): ChaosMember {
    return must(
      this.#members.find((member) => member.id === id),
      id,
    );
  }

  #anyMember(): ChaosMember {
    return must(this.#members[this.#random.below(this.#members.length)], "a member");
  }

  #leaders(): readonly ChaosMember[] {
    return this.#members.filter((member) => member.raft?.status().role === "leader");
  }

  #anyLeader(): ChaosMember | undefined {
    const leaders = this.#leaders();
    return leaders.length === 0 ? undefined : leaders[this.#random.below(leaders.length)];
  }

  #happens(percent: number): boolean {
    return this.#random.below(10_000) < percent * 100;
  }

  #note(line: () => string): void {
    this.#log?.(`${this.#queue.now} ${line()}`);
  }
}
