/**
 * Watches every Raft machine of a world: the cluster's invariants after every step, and what the
 * disks owe.
 *
 *   1. What was told durable is there after any crash: the log that a process recovers equals
 *      what its predecessor was told, or that and some of what was still being written.
 *   2. A message that vouches for a disk (a vote, an acknowledgement) arrives only after that
 *      disk has it.
 *   3. A restarted member begins with nothing that it was not given.
 */
import { assert } from "@skein/common/assert";
import type { RaftId } from "@skein/common/ids";
import type { ClusterInvariants } from "@skein/manager/raft/invariants";
import { createClusterInvariants } from "@skein/manager/raft/invariants";
import type {
  Entry,
  RaftEffect,
  RaftInput,
  RaftMessage,
  RaftRecovered,
} from "@skein/manager/raft/protocol";
import type { CreateRaftOptions, Raft } from "@skein/manager/raft/raft";
import { createRaft } from "@skein/manager/raft/raft";
import type { PersistEffect } from "@skein/manager/raft/testing/memory-disk";
import { MemoryDisk } from "@skein/manager/raft/testing/memory-disk";
import type { Counts } from "../report.ts";

/** The disk of one member as it was promised to be. */
interface Promised {
  disk: MemoryDisk;
  /** Told durable in this life, as a count of persist effects. */
  durable: number;
  /** Handed out and not told durable: after a crash the disk may hold any first part of it. */
  writing: PersistEffect[];
}

type Step = Parameters<Raft["step"]>[1];

export class RaftChecks {
  readonly #promised = new Map<RaftId, Promised>();
  readonly #invariants: ClusterInvariants = createClusterInvariants(
    (id, index, term) => this.#promised.get(id)?.disk.holds(index, term) ?? false,
  );
  #steps = 0;
  readonly #counts = {
    elections: 0,
    "configuration changes": 0,
    "snapshots sent": 0,
    "snapshots installed": 0,
    "entries cut off": 0,
  };

  /** In the place of `createRaft`. */
  readonly create = (options: CreateRaftOptions): Raft => {
    const { id, recovered } = options;
    const before = this.#promised.get(id);
    if (before !== undefined) checkRecovered(id, before, recovered);
    const promised: Promised = { disk: new MemoryDisk(recovered), durable: 0, writing: [] };
    this.#promised.set(id, promised);
    const raft = createRaft(options);
    this.#invariants.started(raft);
    return {
      step: (now, input) => this.#step(raft, promised, { now, input }),
      wakeAt: () => raft.wakeAt(),
      status: () => raft.status(),
      log: () => raft.log(),
    };
  };

  /** A run without them has tested nothing. */
  counts(): Counts {
    return { ...this.#counts };
  }

  steps(): number {
    return this.#steps;
  }

  #step(
    raft: Raft,
    promised: Promised,
    { now, input }: { readonly now: Parameters<Raft["step"]>[0]; readonly input: Step },
  ): readonly RaftEffect[] {
    const { id } = raft.status();
    this.#before(id, promised, input);
    const last = raft.status().lastIndex;
    const effects = raft.step(now, input);
    for (const effect of effects) {
      this.#count(effect, last);
      if (effect.kind === "persist") promised.writing.push(effect);
    }
    this.#invariants.stepped(raft, effects);
    this.#steps += 1;
    return effects;
  }

  #count(effect: RaftEffect, last: number): void {
    const counts = this.#counts;
    // Changes of the configuration have the negative tokens.
    const isChange = effect.kind === "appended" && effect.token < 0;
    const isElected = effect.kind === "role" && effect.role === "leader" && !effect.ready;
    const first = effect.kind === "persist" ? effect.entries[0]?.index : undefined;
    if (isChange) counts["configuration changes"] += 1;
    if (isElected) counts.elections += 1;
    if (effect.kind === "send-snapshot") counts["snapshots sent"] += 1;
    if (effect.kind === "install-snapshot") counts["snapshots installed"] += 1;
    if (first !== undefined && first <= last) counts["entries cut off"] += 1;
  }

  #before(id: RaftId, promised: Promised, input: Step): void {
    if (input.kind === "persisted") {
      const made = promised.writing.splice(0, input.upTo - promised.durable);
      for (const effect of made) promised.disk.write(effect);
      promised.durable = input.upTo;
    } else if (input.kind === "compact") {
      promised.disk.saveSnapshot(input.meta);
    } else if (input.kind === "receive") {
      this.#arrived(input, id);
    }
  }

  #arrived({ from, message }: Extract<RaftInput, { kind: "receive" }>, to: RaftId): void {
    this.#invariants.released(from, to, message);
    const sender = this.#promised.get(from);
    if (sender === undefined) return;
    const wrong = notBacked(sender.disk, message, { from, to });
    assert(wrong === undefined, `${from} -> ${to} ${message.kind} t${message.term}: ${wrong}`);
  }
}

/** What of a message its sender's disk does not hold; a later term on disk excuses everything. */
function notBacked(
  disk: MemoryDisk,
  message: RaftMessage,
  { from, to }: { readonly from: RaftId; readonly to: RaftId },
): string | undefined {
  const { hardState } = disk.recovered();
  const vote = message.kind === "vote" ? from : to;
  const votes = message.kind === "vote" || (message.kind === "vote-response" && message.granted);
  const accepts = message.kind === "append-response" && message.accepted;
  if (hardState.term > message.term || (!votes && !accepts)) return undefined;
  if (hardState.term < message.term) return `its disk is in term ${hardState.term}`;
  if (votes && hardState.votedFor !== vote) return `its disk has a vote for ${hardState.votedFor}`;
  if (!accepts) return undefined;
  const { snapshot, entries } = disk.recovered();
  const last = entries.at(-1)?.index ?? snapshot.index;
  return last >= message.index ? undefined : `accepts ${message.index}, its disk ends at ${last}`;
}

/** 1 and 3. */
function checkRecovered(id: RaftId, before: Promised, recovered: RaftRecovered): void {
  const faults: string[] = [];
  const { disk } = before;
  for (let made = 0; made <= before.writing.length; made += 1) {
    const fault = difference(disk.recovered(), recovered);
    if (fault === undefined) return;
    faults.push(fault);
    const next = before.writing[made];
    if (next !== undefined) disk.write(next);
  }
  assert(false, `${id} recovers another log than it was promised: ${faults.join("; or ")}`);
}

function difference(promised: RaftRecovered, found: RaftRecovered): string | undefined {
  const { hardState } = promised;
  const { term, votedFor } = found.hardState;
  const { index, term: snapshotTerm } = found.snapshot;
  // A snapshot of a later term may be durable before Raft hears of it (and of its term).
  const isLifted = term > hardState.term && term === snapshotTerm;
  if (!isLifted && (term !== hardState.term || votedFor !== hardState.votedFor)) {
    return `term ${term} vote ${votedFor}, not ${hardState.term} vote ${hardState.votedFor}`;
  }
  if (index < promised.snapshot.index) return `snapshot ${index} < ${promised.snapshot.index}`;
  // One that a leader sent and this log does not reach replaces it.
  const isAnew = index > promised.snapshot.index && !holds(promised.entries, found.snapshot);
  const expected = isAnew ? [] : promised.entries.filter((entry) => entry.index > index);
  const wanted = expected.map(nameOf).join(" ");
  const have = found.entries.map(nameOf).join(" ");
  return wanted === have ? undefined : `entries [${have}], not [${wanted}]`;
}

function holds(entries: readonly Entry[], at: Pick<Entry, "index" | "term">): boolean {
  return entries.some((entry) => entry.index === at.index && entry.term === at.term);
}

function nameOf(entry: Entry): string {
  return `${entry.index}:${entry.term}`;
}
