/**
 * One member driven by hand: the test says what arrives, when time passes and when the disk is
 * done, and looks at what left. It keeps the driver's rules (persist before send, completions in
 * order) without its timer, so that a test can stop the world between any two events.
 */
import { assert, must } from "@skein/common/assert";
import type { Wake } from "@skein/common/host/machine";
import type { LogIndex, RaftId, Term } from "@skein/common/ids";
import { logIndex, raftId, term } from "@skein/common/ids";
import type { Random } from "@skein/common/io/random";
import type { Instant } from "@skein/common/time";
import { instant, later } from "@skein/common/time";
import { checkRaftInvariants } from "../invariants.ts";
import type {
  Configuration,
  Entry,
  MessageOf,
  RaftEffect,
  RaftInput,
  RaftMessage,
  RaftRecovered,
  SnapshotMeta,
} from "../protocol.ts";
import type { Raft } from "../raft.ts";
import { createRaft } from "../raft.ts";
import type { RaftLimits } from "../timing.ts";
import type { PersistEffect } from "./memory-disk.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { seededRandom } from "./random.ts";

export interface Sent {
  readonly to: RaftId;
  readonly message: RaftMessage;
}

export interface MemberOptions {
  readonly id?: string;
  readonly voters?: readonly string[];
  readonly outgoing?: readonly string[];
  readonly learners?: readonly string[];
  /** The terms of the entries 1 … n. */
  readonly log?: readonly number[];
  readonly term?: number;
  readonly votedFor?: string;
  readonly commit?: number;
  /** Index and term that a snapshot covers; `log` then begins behind it. */
  readonly snapshot?: { readonly index: number; readonly term: number };
  readonly limits?: Partial<RaftLimits>;
  readonly random?: Random;
  /** False: persist effects wait for `persist()`. */
  readonly autoPersist?: boolean;
}

/** Called after each step and for each message that leaves; the cluster's checkers listen here. */
export interface MemberObserver {
  stepped(raft: Raft, effects: readonly RaftEffect[]): void;
  released(from: RaftId, sent: Sent): void;
}

type EffectOf<Kind extends RaftEffect["kind"]> = Extract<RaftEffect, { readonly kind: Kind }>;

export class TestMember {
  readonly id: RaftId;
  readonly raft: Raft;
  readonly disk: MemoryDisk;
  /** Every effect so far, in order, but sends: those are in `sent` once they left. */
  readonly effects: RaftEffect[] = [];
  readonly sent: Sent[] = [];
  now: Instant;
  autoPersist: boolean;
  observer: MemberObserver | undefined;
  #issued = 0;
  #durable = 0;
  #writes: PersistEffect[] = [];
  #held: { readonly until: number; readonly sent: Sent }[] = [];

  constructor(options: MemberOptions = {}, now: Instant = instant(0)) {
    this.id = raftId(options.id ?? "n1");
    this.now = now;
    this.autoPersist = options.autoPersist ?? true;
    const recovered = recoveredFrom(options);
    this.disk = new MemoryDisk(recovered);
    const random = options.random ?? seededRandom(1);
    const limits = options.limits ?? {};
    this.raft = createRaft({ id: this.id, recovered, random, now, limits });
  }

  step(input: RaftInput | Wake): readonly RaftEffect[] {
    const effects = this.raft.step(this.now, input);
    checkRaftInvariants(this.raft);
    this.observer?.stepped(this.raft, effects);
    for (const effect of effects) this.#take(effect);
    if (this.autoPersist) this.persist();
    return effects;
  }

  receive(from: string, message: RaftMessage): readonly RaftEffect[] {
    return this.step({ kind: "receive", from: raftId(from), message });
  }

  propose(token: number, bytes = 1): readonly RaftEffect[] {
    return this.step({ kind: "propose", token, data: new Uint8Array(bytes).fill(token % 251) });
  }

  /** Completes the first `count` persist effects under way; what waited for them leaves. */
  persist(count = this.#writes.length): void {
    if (count === 0) return;
    for (const write of this.#writes.splice(0, count)) this.disk.write(write);
    this.#durable += count;
    const released = this.#held.filter((held) => held.until <= this.#durable);
    this.#held = this.#held.filter((held) => held.until > this.#durable);
    for (const { sent } of released) this.#leave(sent);
    this.step({ kind: "persisted", upTo: this.#durable });
  }

  /** Lets time pass, waking the member whenever it asked to be. */
  advance(milliseconds: number): void {
    const end = later(this.now, milliseconds);
    for (let at = this.raft.wakeAt(); at !== undefined && at <= end; at = this.raft.wakeAt()) {
      if (at > this.now) this.now = at;
      this.step({ kind: "wake" });
    }
    this.now = end;
  }

  /** Lets time pass unnoticed, as for a stopped process. */
  stall(milliseconds: number): void {
    this.now = later(this.now, milliseconds);
  }

  /** What left since the last call. */
  take(): readonly Sent[] {
    return this.sent.splice(0);
  }

  /** The messages of one kind that left since the last call; all others are forgotten. */
  takeKind<Kind extends RaftMessage["kind"]>(kind: Kind): readonly MessageOf<Kind>[] {
    const isKind = (message: RaftMessage): message is MessageOf<Kind> => message.kind === kind;
    return this.take()
      .map((sent) => sent.message)
      .filter(isKind);
  }

  all<Kind extends RaftEffect["kind"]>(kind: Kind): readonly EffectOf<Kind>[] {
    const isKind = (effect: RaftEffect): effect is EffectOf<Kind> => effect.kind === kind;
    return this.effects.filter(isKind);
  }

  /** Indexes given to the state machine so far. */
  applied(): readonly string[] {
    return this.all("apply").flatMap((effect) => effect.entries.map((e) => `${e.index}:${e.term}`));
  }

  /** The log as `index:term` words. */
  logWords(): readonly string[] {
    return this.raft.log().entries.map((entry) => `${entry.index}:${entry.term}`);
  }

  /** What a new process would find after a crash now: only what the disk has completed. */
  crash(): RaftRecovered {
    return this.disk.recovered();
  }

  get status() {
    return this.raft.status();
  }

  #take(effect: RaftEffect): void {
    if (effect.kind === "send") {
      const sent = { to: effect.to, message: effect.message };
      const hold = effect.timing === "after-durable" && this.#durable < this.#issued;
      if (hold) this.#held.push({ until: this.#issued, sent });
      else this.#leave(sent);
      return;
    }
    this.effects.push(effect);
    if (effect.kind !== "persist") return;
    this.#issued += 1;
    this.#writes.push(effect);
  }

  #leave(sent: Sent): void {
    this.sent.push(sent);
    this.observer?.released(this.id, sent);
  }
}

/**
 * A member that campaigned, won and applied its no-op: `voters` must hold a majority that answers.
 */
export function electedMember(options: MemberOptions = {}): TestMember {
  const member = new TestMember(options);
  electMember(member);
  return member;
}

/** Makes every other voter grant what it is asked, and acknowledge the no-op. */
export function electMember(member: TestMember): void {
  for (let round = 0; round < 3 && member.status.role !== "leader"; round += 1) {
    const at = must(member.raft.wakeAt(), "an election timeout");
    if (at > member.now) member.now = at;
    member.step({ kind: "wake" });
    grantAll(member);
    grantAll(member);
  }
  assert(member.status.role === "leader", `${member.id} was not elected`);
}

function grantAll(member: TestMember): void {
  for (const { to, message } of member.take()) {
    if (message.kind !== "pre-vote" && message.kind !== "vote") continue;
    const kind = message.kind === "vote" ? "vote-response" : "pre-vote-response";
    member.receive(to, { kind, term: message.term, granted: true });
    if (member.status.role === "leader") return;
  }
}

export function configurationOf(options: MemberOptions): Configuration {
  const voters = (options.voters ?? ["n1", "n2", "n3"]).map(raftId);
  const learners = (options.learners ?? []).map(raftId);
  const base = { voters, learners, addresses: {} };
  if (options.outgoing === undefined) return base;
  return { ...base, outgoing: options.outgoing.map(raftId) };
}

export function snapshotOf(index: number, atTerm: number, options: MemberOptions): SnapshotMeta {
  return {
    index: logIndex(index),
    term: term(atTerm),
    configuration: configurationOf(options),
  };
}

export function entry(index: number, atTerm: number, kind: Entry["kind"] = "command"): Entry {
  const data = kind === "command" ? new Uint8Array([index % 251, atTerm % 251]) : new Uint8Array(0);
  return { index: logIndex(index), term: term(atTerm), kind, data };
}

/** Entries `from` … with the given terms. */
export function entriesFrom(from: number, terms: readonly number[]): readonly Entry[] {
  return terms.map((atTerm, offset) => entry(from + offset, atTerm));
}

export function append(options: {
  readonly term: number;
  readonly prev: readonly [index: number, term: number];
  readonly entries?: readonly Entry[];
  readonly commit?: number;
}): RaftMessage {
  const [prevIndex, prevTerm] = options.prev;
  return {
    kind: "append",
    term: term(options.term),
    prevIndex: logIndex(prevIndex),
    prevTerm: term(prevTerm),
    commit: logIndex(options.commit ?? 0),
    entries: options.entries ?? [],
  };
}

export function accepted(atTerm: number, index: number): RaftMessage {
  return appendResponse(atTerm, { accepted: true, index, hint: [0, 0] });
}

export function rejected(
  atTerm: number,
  index: number,
  hint: readonly [index: number, term: number],
): RaftMessage {
  return appendResponse(atTerm, { accepted: false, index, hint });
}

export function ballot(
  kind: "vote" | "pre-vote",
  atTerm: number,
  last: readonly [index: number, term: number],
  force = false,
): RaftMessage {
  const [lastIndex, lastTerm] = last;
  const log = { lastIndex: logIndex(lastIndex), lastTerm: term(lastTerm) };
  return { kind, term: term(atTerm), ...log, force };
}

export function grant(kind: "vote" | "pre-vote", atTerm: number, granted = true): RaftMessage {
  return { kind: `${kind}-response`, term: term(atTerm), granted };
}

export function heartbeat(atTerm: number, options: { commit?: number; round?: number } = {}) {
  const { commit = 0, round = 1 } = options;
  return { kind: "heartbeat", term: term(atTerm), commit: logIndex(commit), round } as const;
}

function appendResponse(
  atTerm: number,
  answer: {
    readonly accepted: boolean;
    readonly index: number;
    readonly hint: readonly [index: number, term: number];
  },
): RaftMessage {
  return {
    kind: "append-response",
    term: term(atTerm),
    accepted: answer.accepted,
    index: logIndex(answer.index),
    hintIndex: logIndex(answer.hint[0]),
    hintTerm: term(answer.hint[1]),
  };
}

function recoveredFrom(options: MemberOptions): RaftRecovered {
  const at = options.snapshot ?? { index: 0, term: 0 };
  const entries = entriesFrom(at.index + 1, options.log ?? []);
  const lastTerm = entries.at(-1)?.term ?? at.term;
  const atTerm: Term = term(options.term ?? lastTerm);
  const commit: LogIndex = logIndex(options.commit ?? at.index);
  const vote = options.votedFor === undefined ? {} : { votedFor: raftId(options.votedFor) };
  const snapshot = snapshotOf(at.index, at.term, options);
  return { hardState: { term: atTerm, commit, ...vote }, snapshot, entries };
}
