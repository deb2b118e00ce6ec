/**
 * The replicated store: the state machine behind the log. One command per log entry; every replica
 * that applies the same entries holds the same state and gives the same answers. (Swarm's
 * MemoryStore, with the write as a command instead of a list of changed rows;
 * docs/design/store.md.)
 *
 * Invariants:
 *   B1. Total: `apply` answers every decodable command with a result or a refusal
 *       (apply/handlers.ts).
 *   B2. Atomic: a refused command changes nothing but index and store time, and is remembered only
 *       with its request.
 *   B3. Deterministic: state and answers are a function of the entries alone.
 *   B4. Store time never goes back.
 *   B5. What may be applied depends on `clusterVersion`, which is state, not on what this binary
 *       can read: or an old and a new manager would answer one entry differently.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { ok } from "@skein/common/result";
import { storeTime } from "@skein/common/time";
import type { DecodeError } from "@skein/common/wire/schema";
import type { CaughtBug, Handlers } from "./apply/handlers.ts";
import { dispatch, HANDLERS } from "./apply/handlers.ts";
import type { Accepted, Envelope, Refusal } from "./command.ts";
import { COMMAND_VERSION } from "./command.ts";
import { digestOf } from "./digest.ts";
import type { Applied, Facts } from "./draft.ts";
import type { EnvelopeHeader } from "./envelope.ts";
import { decodeEnvelope, decodeHeader } from "./envelope.ts";
import { ChangeHistory } from "./history.ts";
import { bug, newerVersion } from "./refusal.ts";
import type { Answered, Requests } from "./requests.ts";
import { answeredOf, RequestLedger } from "./requests.ts";
import { isNews, readSnapshot } from "./restore.ts";
import type { FinishedDigest } from "./row-digest.ts";
import { RowDigest } from "./row-digest.ts";
import { runSequence } from "./sequence.ts";
import { concatBytes, snapshotSlices } from "./snapshot.ts";
import { Tables } from "./tables.ts";
import type { Change, ClusterView } from "./view.ts";
import { changeOf } from "./write.ts";

export interface Store {
  /** Live: it always shows the state after the last command. Rows and lists never change. */
  readonly view: ClusterView;
  readonly requests: Requests;
  /** Handlers that threw on this replica since it started, and the last of them, for the log. */
  readonly bugs: { readonly count: number; readonly last?: CaughtBug };
  apply(index: LogIndex, envelope: Envelope): Result<Accepted, Refusal>;
  /** The same for a log entry's bytes, so that an entry that does not decode is refused, too. */
  applyEntry(index: LogIndex, bytes: Uint8Array): Result<Accepted, Refusal>;
  /** Called after each command that changed something, and after a restore. Returns the way out. */
  onChange(listener: (changes: readonly Change[]) => void): () => void;
  /** What changed behind `index`; undefined: too long ago, read everything again. */
  changesSince(index: LogIndex): readonly Change[] | undefined;
  /** All that is remembered, oldest first: without a gap up to now. */
  changes(): readonly Change[];
  snapshot(): Uint8Array;
  /** The same bytes in pieces that may be made with other work in between. */
  snapshotSlices(): Iterable<Uint8Array>;
  /** Replaces the state. `index`: of the last entry the snapshot covers. */
  restore(index: LogIndex, bytes: Uint8Array): Result<void, DecodeError>;
  digest(): string;
  /** Begins a digest of the state as it is now, after the entry `index` (row-digest.ts). */
  checkpoint(index: LogIndex): void;
  /** Works on the digests that were begun; `finished`, if one is. */
  digestWork(rowsMax: number): DigestWork;
}

export interface DigestWork {
  readonly finished: FinishedDigest | undefined;
  /** There is more to do. */
  readonly isWorking: boolean;
}

/** `handlers`: other than the real ones in the test of H1 only. */
export function createStore(handlers: Handlers = HANDLERS): Store {
  return new ReplicatedStore(handlers);
}

class ReplicatedStore implements Store {
  readonly #handlers: Handlers;
  readonly #tables = new Tables();
  readonly #requests = new RequestLedger();
  readonly #history = new ChangeHistory();
  readonly #rowDigest = new RowDigest();
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  #bugs: Store["bugs"] = { count: 0 };
  #isTelling = false;

  readonly view: ClusterView = this.#tables;
  readonly requests: Requests = this.#requests;

  constructor(handlers: Handlers) {
    this.#handlers = handlers;
  }

  get bugs(): Store["bugs"] {
    return this.#bugs;
  }

  apply(index: LogIndex, envelope: Envelope): Result<Accepted, Refusal> {
    const facts = this.#begin(index, envelope);
    const { result, changes } = this.#answer(facts, envelope);
    this.#tables.advance(facts.index, facts.time);
    this.#tell(changes);
    return result;
  }

  applyEntry(index: LogIndex, bytes: Uint8Array): Result<Accepted, Refusal> {
    const envelope = decodeEnvelope(bytes);
    return envelope.ok ? this.apply(index, envelope.value) : this.#applyUnreadable(index, bytes);
  }

  onChange(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changesSince(index: LogIndex): readonly Change[] | undefined {
    return this.#history.since(index);
  }

  changes(): readonly Change[] {
    return this.#history.all();
  }

  snapshot(): Uint8Array {
    return concatBytes(this.snapshotSlices());
  }

  snapshotSlices(): Iterable<Uint8Array> {
    return snapshotSlices(this.#tables, this.#requests.list());
  }

  restore(index: LogIndex, bytes: Uint8Array): Result<void, DecodeError> {
    const restored = readSnapshot(index, bytes, this.#tables);
    if (!restored.ok) return restored;
    const { head, requests, writes } = restored.value;
    for (const write of writes) this.#tables.commit(write);
    this.#tables.setAddressCursor(head.addressCursor);
    this.#tables.advance(head.index, storeTime(head.time));
    this.#requests.reset(requests);
    this.#rowDigest.reset();
    for (const { table, id, after } of writes) this.#noteRow(table, id, { after });
    for (const one of this.#requests.list()) this.#noteRow("request", one.request, { after: one });
    this.#history.reset(head.index);
    this.#tell(writes.filter(isNews).map((write) => changeOf(head.index, write)));
    return ok(undefined);
  }

  digest(): string {
    return digestOf(this.#tables, this.#requests.list());
  }

  checkpoint(index: LogIndex): void {
    const { time, addressCursor } = this.#tables;
    this.#rowDigest.checkpoint({ index, time, addressCursor });
  }

  digestWork(rowsMax: number): DigestWork {
    const finished = this.#rowDigest.work(rowsMax);
    return { finished, isWorking: this.#rowDigest.isWorking };
  }

  /** An index that does not grow is a bug of the caller that would fork this replica: it stops. */
  #begin(index: LogIndex, header: EnvelopeHeader): Facts {
    assert(index > this.#tables.index, `apply of ${index} after ${this.#tables.index}`);
    assert(!this.#isTelling, `apply of ${index} from within a listener`);
    const time = storeTime(Math.max(this.#tables.time, header.time)); // B4
    return { index, time, wall: header.wall, commandVersion: header.version };
  }

  #answer(facts: Facts, { request, command }: Envelope): Answer {
    const newer = this.#refuseNewer(facts.commandVersion);
    if (newer !== undefined) return { result: newer, changes: [] };
    const known = request === undefined ? undefined : this.#requests.repeated(request, command);
    if (known !== undefined) return { result: known, changes: [] };
    const caught = (last: CaughtBug) => {
      this.#bugs = { count: this.#bugs.count + 1, last };
    };
    const run = { view: this.#tables, facts, handlers: this.#handlers, caught };
    const outcome =
      command.kind === "write-stack"
        ? runSequence(this.#tables, run, command)
        : dispatch(run, command);
    const changes = outcome.ok ? this.#commit(facts, outcome.value) : [];
    const result = outcome.ok ? ok(outcome.value.accepted) : outcome;
    // A bug is not an answer to keep: the request may be tried again with a later version.
    if (request !== undefined && (result.ok || result.error.code !== "bug")) {
      this.#record(answeredOf(request, command, { index: facts.index, result }));
    }
    return { result, changes };
  }

  /** B5. */
  #refuseNewer(version: number) {
    const supported = this.#tables.cluster?.clusterVersion ?? COMMAND_VERSION;
    assert(supported <= COMMAND_VERSION, `cluster version ${supported} > ${COMMAND_VERSION}`);
    return version >= 1 && version <= supported ? undefined : newerVersion(version, supported);
  }

  /** Refused without effect; a newer one by the same rule as if we could read it (B5). */
  #applyUnreadable(index: LogIndex, bytes: Uint8Array): Result<Accepted, Refusal> {
    const header = decodeHeader(bytes);
    const facts = this.#begin(index, header.ok ? header.value : { version: 0, time: 0, wall: 0 });
    const newer = header.ok ? this.#refuseNewer(facts.commandVersion) : undefined;
    this.#tables.advance(facts.index, facts.time);
    return newer ?? bug("an entry that does not decode", index);
  }

  #commit(facts: Facts, { writes, addressCursor }: Applied): readonly Change[] {
    for (const write of writes) {
      this.#tables.commit(write);
      this.#noteRow(write.table, write.id, write);
    }
    this.#tables.setAddressCursor(addressCursor);
    const changes = writes.map((write) => ({ ...changeOf(facts.index, write), at: facts.wall }));
    this.#history.add(changes);
    return changes;
  }

  #record(answered: Answered): void {
    const forgotten = this.#requests.record(answered);
    this.#noteRow("request", answered.request, { after: answered });
    if (forgotten !== undefined) this.#noteRow("request", forgotten.request, { before: forgotten });
  }

  #noteRow(
    table: string,
    id: string,
    row: { readonly before?: unknown; readonly after?: unknown },
  ): void {
    this.#rowDigest.note(`${table}/${id}`, row.before, row.after);
  }

  #tell(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.#isTelling = true;
    try {
      for (const listener of [...this.#listeners]) listener(changes);
    } finally {
      this.#isTelling = false;
    }
  }
}

interface Answer {
  readonly result: Result<Accepted, Refusal>;
  readonly changes: readonly Change[];
}
