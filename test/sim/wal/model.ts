/**
 * The log as an obvious data structure, a random workload over it, and what a recovery may answer.
 * Slow and simple on purpose: it is the oracle of the crash explorer.
 */
import type { Random } from "@skein/common/io/random";
import type { Entry, HardState, RaftRecovered, SnapshotMeta } from "@skein/manager/raft/protocol";
import type { PersistEffect } from "@skein/manager/wal/raft-storage";
import { effect, entry, hardState, meta } from "./harness.ts";

/** Everything Raft asked for up to one moment. */
export interface ModelLog {
  readonly state: HardState;
  readonly base: { readonly index: number; readonly term: number };
  /** Contiguous behind the base. */
  readonly entries: readonly Entry[];
}

export const emptyLog: ModelLog = {
  state: hardState(0, 0),
  base: { index: 0, term: 0 },
  entries: [],
};

export function lastOf(log: ModelLog): { readonly index: number; readonly term: number } {
  return log.entries.at(-1) ?? log.base;
}

export function applyEffect(log: ModelLog, change: PersistEffect): ModelLog {
  let { base, entries } = log;
  if (change.snapshot !== undefined) {
    base = change.snapshot;
    entries = [];
  }
  for (const item of change.entries) {
    entries = [...entries.slice(0, item.index - base.index - 1), item];
  }
  return { state: change.hardState, base, entries };
}

/** A log that was found on disk, to go on from. */
export function modelOf(recovered: RaftRecovered): ModelLog {
  const { snapshot: base, entries, hardState: state } = recovered;
  return { state, base, entries };
}

/** The snapshot of a test holds the words that name it. */
export function stateOf(snapshot: SnapshotMeta): Uint8Array {
  return Buffer.from(`state ${snapshot.index}.${snapshot.term} `.repeat(1 + (snapshot.index % 90)));
}

/** What was asked and answered when the disk was cut off. */
export interface Expectation {
  /** The logs that may come back: the last acknowledged one, and the one under way. */
  readonly logs: readonly ModelLog[];
  readonly commitMin: number;
  readonly commitMax: number;
  /** Snapshots that may come back; those before the newest acknowledged are not among them. */
  readonly snapshots: readonly SnapshotMeta[];
}

/** Why the recovery is wrong, if it is. */
export function judge(
  expected: Expectation,
  recovered: RaftRecovered,
  state: Uint8Array | undefined,
): string | undefined {
  const { snapshot, hardState: hard } = recovered;
  const known = expected.snapshots.some(
    (s) => s.index === snapshot.index && s.term === snapshot.term,
  );
  if (!known) return `snapshot ${snapshot.index}.${snapshot.term} is not among the saved`;
  const right = snapshot.index === 0 ? undefined : stateOf(snapshot);
  if (Buffer.compare(state ?? Buffer.alloc(0), right ?? Buffer.alloc(0)) !== 0) {
    return `the snapshot's state is ${state?.length} bytes, saved were ${right?.length}`;
  }
  const commitMin = Math.max(expected.commitMin, snapshot.index);
  const commitMax = Math.max(expected.commitMax, snapshot.index);
  if (hard.commit < commitMin || hard.commit > commitMax) {
    return `commit ${hard.commit} is not within ${commitMin} to ${commitMax}`;
  }
  const found = print(recovered.hardState, recovered.entries);
  const allowed = expected.logs.map((log) => printBehind(log, snapshot));
  if (allowed.includes(found)) return undefined;
  return `found ${found}\n  allowed ${allowed.join("\n       or ")}`;
}

function printBehind(log: ModelLog, snapshot: SnapshotMeta): string {
  const state = { ...log.state };
  const seen = snapshot.term > state.term ? hardState(snapshot.term, 0) : state;
  return print(seen, entriesBehind(log, snapshot));
}

/** Undefined where the log does not reach. */
export function termAt(log: ModelLog, index: number): number | undefined {
  return index === log.base.index ? log.base.term : log.entries[index - log.base.index - 1]?.term;
}

/** Thesis 5.1: what follows the snapshot stays if the log has the snapshot's last entry. */
function entriesBehind(log: ModelLog, snapshot: SnapshotMeta): readonly Entry[] {
  const { base, entries } = log;
  if (termAt(log, snapshot.index) !== snapshot.term) return [];
  return entries.slice(snapshot.index - base.index);
}

function print(state: HardState, entries: readonly Entry[]): string {
  const items = entries.map(
    (e) => `${e.index}.${e.term}${e.kind[0]}${Buffer.from(e.data).toString("hex")}`,
  );
  return `term ${state.term} vote ${state.votedFor ?? "-"} [${items.join(" ")}]`;
}

/** Raft as the log sees it: terms grow, committed entries stay, the rest may be replaced. */
export function drawEffect(random: Random, log: ModelLog, commitMax: number): PersistEffect {
  const { state } = log;
  const last = lastOf(log);
  const fate = random.below(10);
  const grown = Math.min(last.index, commitMax, state.commit + random.below(4));
  const commit = Math.max(state.commit, grown);
  if (fate === 0) return effect(hardState(state.term + 1, commit, `member-${random.below(3)}`));
  if (fate === 1) return effect({ ...state, ...hardState(state.term, commit) });
  const replaces = fate === 2 && last.index > commit;
  const term = replaces || fate === 3 ? state.term + 1 : Math.max(1, state.term);
  const first = replaces ? commit + 1 + random.below(last.index - commit) : last.index + 1;
  const count = random.below(5) === 0 ? 0 : 1 + random.below(4);
  const entries = Array.from({ length: count }, (_, n) => drawEntry(random, first + n, term));
  const vote = term === state.term ? state.votedFor : undefined;
  return effect(hardState(term, commit, vote), ...entries);
}

function drawEntry(random: Random, index: number, term: number): Entry {
  const length = random.below(8) === 0 ? random.below(900) : random.below(60);
  const data = Uint8Array.from({ length }, () => random.below(256));
  const kinds = ["command", "config", "noop"] as const;
  return { ...entry(index, term, data), kind: kinds[random.below(3)] ?? "noop" };
}

/** A snapshot of this log's own committed part, or none. */
export function drawOwnSnapshot(random: Random, log: ModelLog): SnapshotMeta | undefined {
  const index = Math.min(log.state.commit, log.base.index + random.below(30));
  const there = log.entries[index - log.base.index - 1];
  return there === undefined ? undefined : meta(there.index, there.term);
}

/** A snapshot that a leader of a later term sends. */
export function drawReceivedSnapshot(random: Random, log: ModelLog): SnapshotMeta {
  return meta(lastOf(log).index + 1 + random.below(20), Math.max(1, log.state.term));
}
