/**
 * What must hold of Raft after every step, of one member and of a cluster over its whole history
 * including crashes. Run by tests and the simulator, never by business code. A violation is a
 * `BugError`.
 *
 * Of one member:
 *   base <= snapshot <= applied <= commit <= last; applied entries are durable here; the log is
 *   contiguous and its terms ordered (L1); next > match, match <= last, the window bounded (P1,
 *   P2); a leader's commit index is backed by a quorum (A1).
 *
 * Of a cluster:
 *   election safety         one leader per term, for ever                                  (3.4)
 *   vote uniqueness         one vote per member and term, for ever                         (E1)
 *   authorship              an entry of term T first appears at the leader of T            (3.5)
 *   log matching            equal index and term: equal entry, equal predecessor           (3.5)
 *   leader completeness     a new leader's log holds what earlier terms committed          (3.6.3)
 *   state machine safety    every member applies the same entry at an index, in order      (3.6.3)
 *   own term                a leader commits by counting only entries of its own term      (A1)
 *   durability              what a leader takes for committed is on a quorum's disks       (A1, E1)
 *   true matches            what a leader takes for matching is on that peer's disk        (F2, A2)
 *   true disk               what a member takes for durable is on its disk                 (L3)
 *   monotony                terms, commit and applied indexes; terms over restarts too     (S1, S2)
 */
import { BugError, must } from "@skein/common/assert";
import type { LogIndex, RaftId, Term } from "@skein/common/ids";
import { describeEntry, describeStatus } from "./describe.ts";
import { toIndex } from "./log.ts";
import type { Entry, RaftEffect, RaftMessage, SnapshotMeta } from "./protocol.ts";
import { quorumFloor } from "./quorum.ts";
import type { Raft } from "./raft.ts";
import type { RaftLogView, RaftStatus } from "./status.ts";

/** Whether a member's disk holds the entry, whatever its memory says. */
export type DurablyHolds = (id: RaftId, index: LogIndex, term: Term) => boolean;

export interface ClusterInvariants {
  /** After every step of any member. */
  stepped(raft: Raft, effects: readonly RaftEffect[]): void;
  /** When a message truly leaves a member. */
  released(from: RaftId, to: RaftId, message: RaftMessage): void;
  /** A member begins, or begins again, from its disk. */
  started(raft: Raft): void;
  /** The highest index any member knows to be committed. */
  committed(): LogIndex;
}

export function checkRaftInvariants(raft: Raft): void {
  const status = raft.status();
  checkStatus(status);
  checkLog(status, raft.log());
}

export function createClusterInvariants(durablyHolds: DurablyHolds): ClusterInvariants {
  const history: History = {
    durablyHolds,
    leaders: new Map(),
    votes: new Map(),
    entries: new Map(),
    committed: new Map(),
    last: new Map(),
    termsShown: new Map(),
    committedTo: toIndex(0),
  };
  return {
    stepped: (raft, effects) => stepped(history, raft, effects),
    released: (from, to, message) => released(history, { from, to, message }),
    started: (raft) => started(history, raft),
    committed: () => history.committedTo,
  };
}

interface Known {
  readonly entry: Entry;
  readonly prevTerm: Term | undefined;
}

interface Committed {
  readonly term: Term;
  /** The term whose leader committed it: leaders of older terms, elected late, need not hold it. */
  readonly inTerm: Term;
}

interface History {
  readonly durablyHolds: DurablyHolds;
  readonly leaders: Map<Term, RaftId>;
  /** By voter and term. */
  readonly votes: Map<string, RaftId>;
  /** By index and term. */
  readonly entries: Map<string, Known>;
  readonly committed: Map<LogIndex, Committed>;
  readonly last: Map<RaftId, RaftStatus>;
  /** The highest term a member ever answered in: it may not forget it. */
  readonly termsShown: Map<RaftId, Term>;
  committedTo: LogIndex;
}

function checkStatus(status: RaftStatus): void {
  checkCursors(status);
  checkLeader(status);
}

function checkCursors(status: RaftStatus): void {
  const text = (): string => describeStatus(status);
  hold(status.baseIndex <= status.snapshotIndex, () => `base > snapshot: ${text()}`);
  hold(status.snapshotIndex <= status.applied, () => `snapshot > applied: ${text()}`);
  hold(status.applied <= status.commit, () => `applied > commit: ${text()}`);
  hold(status.commit <= status.lastIndex, () => `commit > last: ${text()}`);
  hold(status.durableIndex <= status.lastIndex, () => `durable > last: ${text()}`);
  const safe = status.applied <= status.durableIndex || status.applied === status.snapshotIndex;
  hold(safe, () => `applied what is not durable: ${text()}`);
  hold(status.lastTerm <= status.term, () => `an entry of a later term: ${text()}`);
}

function checkLog(status: RaftStatus, log: RaftLogView): void {
  let [index, term]: [number, number] = [log.baseIndex, log.baseTerm];
  for (const entry of log.entries) {
    hold(entry.index === index + 1, () => `a gap at ${describeEntry(entry)} of ${status.id}`);
    hold(entry.term >= term, () => `terms fall at ${describeEntry(entry)} of ${status.id}`);
    [index, term] = [entry.index, entry.term];
  }
}

/** M3: of a leader that may change the configuration, at most the last one is not committed. */
function checkPendingChanges(status: RaftStatus, log: RaftLogView): void {
  const { leading } = status;
  if (leading === undefined || status.commit < leading.noopIndex) return;
  const pending = log.entries.filter((entry) => entry.kind === "config");
  const open = pending.filter((entry) => entry.index > status.commit);
  hold(open.length <= 1, () => `${open.length} open changes: ${describeStatus(status)}`);
}

function checkLeader(status: RaftStatus): void {
  const { leading } = status;
  if (leading === undefined) return;
  const text = (): string => describeStatus(status);
  hold(status.leader === status.id, () => `a leader that follows another: ${text()}`);
  hold(
    leading.uncommittedBytes >= 0,
    () => `uncommitted bytes ${leading.uncommittedBytes}: ${text()}`,
  );
  for (const peer of leading.peers) {
    hold(peer.next > peer.match, () => `next <= match: ${text()}`);
    hold(peer.match <= status.lastIndex, () => `match > last: ${text()}`);
  }
  const match = new Map(leading.peers.map((peer) => [peer.id, peer.match]));
  const backed = quorumFloor(status.configuration, (id) =>
    id === status.id ? status.durableIndex : (match.get(id) ?? 0),
  );
  // Before the own no-op commits, the commit index is an older leader's word; before the
  // configuration does, it is a former configuration's.
  const own = status.commit >= leading.noopIndex && status.commit >= status.configurationIndex;
  hold(
    !own || backed >= status.commit,
    () => `commit ${status.commit} backed to ${backed}: ${text()}`,
  );
}

function stepped(history: History, raft: Raft, effects: readonly RaftEffect[]): void {
  const [status, log] = [raft.status(), raft.log()];
  checkStatus(status);
  if (effects.some((effect) => effect.kind === "persist")) {
    checkLog(status, log);
    checkPendingChanges(status, log);
  }
  const before = history.last.get(status.id);
  checkMonotony(before, status);
  checkHardState(before, status, effects);
  checkOwnDisk(history, status, log);
  for (const effect of effects) checkEffect(history, { status, log, effect, before });
  checkCommits(history, { status, log, from: before?.commit ?? status.snapshotIndex });
  if (status.role === "leader") {
    checkElected(history, status, log);
    checkOwnTermCommit(before, status, log);
    checkMatches(history, status, log);
  }
  history.last.set(status.id, status);
}

function started(history: History, raft: Raft): void {
  checkRaftInvariants(raft);
  const [status, log] = [raft.status(), raft.log()];
  const shown = history.termsShown.get(status.id) ?? 0;
  hold(status.term >= shown, () => `${status.id} forgot term ${shown}: ${describeStatus(status)}`);
  for (const entry of log.entries) know(history, log, entry);
  history.last.set(status.id, status);
}

function released(
  history: History,
  sent: { readonly from: RaftId; readonly to: RaftId; readonly message: RaftMessage },
): void {
  const { from, to, message } = sent;
  if (message.kind === "vote") recordVote(history, { voter: from, for: from, term: message.term });
  if (message.kind === "vote-response" && message.granted) {
    recordVote(history, { voter: from, for: to, term: message.term });
  }
  const binding = message.kind === "vote" || message.kind.endsWith("vote-response");
  if (!binding || message.kind === "pre-vote-response") return;
  const shown = history.termsShown.get(from);
  if (shown === undefined || message.term > shown) history.termsShown.set(from, message.term);
}

function recordVote(
  history: History,
  vote: { readonly voter: RaftId; readonly for: RaftId; readonly term: Term },
): void {
  const key = `${vote.voter} t${vote.term}`;
  const earlier = history.votes.get(key) ?? vote.for;
  hold(earlier === vote.for, () => `two votes: ${key} for ${earlier} and for ${vote.for}`);
  history.votes.set(key, vote.for);
}

function checkMonotony(before: RaftStatus | undefined, status: RaftStatus): void {
  if (before === undefined) return;
  const text = (): string => `${describeStatus(before)} -> ${describeStatus(status)}`;
  hold(status.term >= before.term, () => `the term fell: ${text()}`);
  hold(status.commit >= before.commit, () => `the commit index fell: ${text()}`);
  hold(status.applied >= before.applied, () => `the applied index fell: ${text()}`);
}

function checkEffect(
  history: History,
  seen: {
    readonly status: RaftStatus;
    readonly log: RaftLogView;
    readonly effect: RaftEffect;
    readonly before: RaftStatus | undefined;
  },
): void {
  const { status, log, effect, before } = seen;
  if (effect.kind === "persist") {
    for (const entry of effect.entries) {
      const isNew = !history.entries.has(keyOf(entry.index, entry.term));
      const own = status.role === "leader" && entry.term === status.term;
      hold(
        !isNew || own,
        () => `${describeEntry(entry)} appears first at ${describeStatus(status)}`,
      );
      know(history, log, entry);
    }
  } else if (effect.kind === "apply") {
    const first = must(effect.entries[0], "an applied entry");
    const expected = (before?.applied ?? status.snapshotIndex) + 1;
    hold(first.index === expected, () => `applies ${describeEntry(first)}, expected ${expected}`);
    for (const entry of effect.entries) commit(history, entry, status.term);
  } else if (effect.kind === "install-snapshot") {
    commit(history, effect.meta, status.term);
  }
}

function know(history: History, log: RaftLogView, entry: Entry): void {
  const prevTerm = termIn(log, toIndex(entry.index - 1));
  const key = keyOf(entry.index, entry.term);
  const known = history.entries.get(key);
  if (known === undefined) {
    history.entries.set(key, { entry, prevTerm });
    return;
  }
  const equal = known.entry === entry || sameContent(known.entry, entry);
  hold(equal, () => `log matching: two different entries ${key}`);
  const samePrev = prevTerm === undefined || (known.prevTerm ?? prevTerm) === prevTerm;
  hold(samePrev, () => `log matching: ${key} follows ${known.prevTerm} and ${prevTerm}`);
}

function checkCommits(
  history: History,
  seen: { readonly status: RaftStatus; readonly log: RaftLogView; readonly from: LogIndex },
): void {
  const { status, log, from } = seen;
  for (let index: number = from + 1; index <= status.commit; index += 1) {
    const at = toIndex(index);
    const term = termIn(log, at);
    if (term === undefined) continue;
    commit(history, { index: at, term }, status.term);
    if (status.role === "leader") checkDurable(history, status, { index: at, term });
  }
}

function checkDurable(
  history: History,
  status: RaftStatus,
  entry: Pick<SnapshotMeta, "index" | "term">,
): void {
  const held = quorumFloor(status.configuration, (id) =>
    history.durablyHolds(id, entry.index, entry.term) ? 1 : 0,
  );
  const key = keyOf(entry.index, entry.term);
  hold(held === 1, () => `durability: ${key} commits without a quorum's disks: ${status.id}`);
}

function commit(history: History, entry: Pick<SnapshotMeta, "index" | "term">, inTerm: Term): void {
  const { index, term } = entry;
  const known = history.committed.get(index);
  if (known === undefined) history.committed.set(index, { term, inTerm });
  const same = known === undefined || known.term === term;
  hold(same, () => `two entries committed at ${index}: of terms ${known?.term} and ${term}`);
  if (index > history.committedTo) history.committedTo = index;
}

function checkElected(history: History, status: RaftStatus, log: RaftLogView): void {
  const known = history.leaders.get(status.term);
  hold(
    known === undefined || known === status.id,
    () => `election safety: ${known} and ${status.id} lead term ${status.term}`,
  );
  if (known !== undefined) return;
  history.leaders.set(status.term, status.id);
  for (const [index, { term, inTerm }] of history.committed) {
    if (inTerm > status.term) continue;
    const held = index < log.baseIndex ? term : termIn(log, index);
    hold(
      held === term,
      () => `leader completeness: ${status.id} t${status.term} lacks ${index}:${term}`,
    );
  }
}

/** A1: what a leader counts to a majority itself ends with an entry of its own term. */
function checkOwnTermCommit(
  before: RaftStatus | undefined,
  status: RaftStatus,
  log: RaftLogView,
): void {
  if (before?.role !== "leader" || before.commit === status.commit) return;
  const term = termIn(log, status.commit);
  hold(term === status.term, () => `commits an entry of term ${term}: ${describeStatus(status)}`);
}

/** E1: what a step changes of term and vote leaves with its own persist effect. */
function checkHardState(
  before: RaftStatus | undefined,
  status: RaftStatus,
  effects: readonly RaftEffect[],
): void {
  if (before?.term === status.term && before.votedFor === status.votedFor) return;
  const written = effects.some((effect) => {
    if (effect.kind !== "persist") return false;
    const { term, votedFor } = effect.hardState;
    return term === status.term && votedFor === status.votedFor;
  });
  hold(written || before === undefined, () => `not written: ${describeStatus(status)}`);
}

function checkOwnDisk(history: History, status: RaftStatus, log: RaftLogView): void {
  const index = status.durableIndex;
  const term = termIn(log, index);
  if (term === undefined || index <= status.snapshotIndex) return;
  const held = history.durablyHolds(status.id, index, term);
  hold(held, () => `its disk lacks ${keyOf(index, term)}: ${describeStatus(status)}`);
}

/** A peer of a later term may have given up what it acknowledged: this leader is then deposed. */
function checkMatches(history: History, status: RaftStatus, log: RaftLogView): void {
  for (const { id, match } of status.leading?.peers ?? []) {
    const term = termIn(log, match);
    if (term === undefined || match === 0) continue;
    const isDeposed = (history.last.get(id)?.term ?? 0) > status.term;
    const held = isDeposed || history.durablyHolds(id, match, term);
    hold(held, () => `${id} does not hold ${keyOf(match, term)}: ${describeStatus(status)}`);
  }
}

function termIn(log: RaftLogView, index: LogIndex): Term | undefined {
  if (index === log.baseIndex) return log.baseTerm;
  return log.entries[index - log.baseIndex - 1]?.term;
}

function keyOf(index: LogIndex, term: Term): string {
  return `${index}:${term}`;
}

function sameContent(a: Entry, b: Entry): boolean {
  if (a.kind !== b.kind || a.data.length !== b.data.length) return false;
  return a.data.every((byte, at) => byte === b.data[at]);
}

/** The text is made only for a failure: the checks run after every step. */
function hold(condition: boolean, text: () => string): asserts condition {
  if (!condition) throw new BugError(text());
}
