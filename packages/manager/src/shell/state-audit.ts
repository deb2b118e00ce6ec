/**
 * One manager's part in comparing the managers' states (store/digest-comparison.ts): it has the
 * store digested at the same indexes as everybody, tells the others, and acts on the verdict. A
 * member that is wrong stops: a broken invariant of the store, and nothing it says can be trusted.
 */
import type { LogIndex, RaftId } from "@skein/common/ids";
import type { Clock } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import { DIGEST_EVERY_ENTRIES, DIGEST_SLICE_ROWS } from "../limits.ts";
import type { DigestVerdict } from "../store/digest-comparison.ts";
import { DigestComparison } from "../store/digest-comparison.ts";
import type { Store } from "../store/store.ts";

export interface StateAuditOptions {
  readonly self: RaftId;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Entries between two digests; the same on every manager. Absent: the limit. */
  readonly everyEntries?: number | undefined;
  voters(): readonly RaftId[];
  tell(index: LogIndex, digest: string): void;
  fatal(reason: string): void;
}

export class StateAudit {
  readonly #options: StateAuditOptions;
  readonly #comparison: DigestComparison;
  readonly #everyEntries: number;
  #isWorking = false;

  constructor(options: StateAuditOptions) {
    this.#options = options;
    this.#comparison = new DigestComparison(options.self);
    this.#everyEntries = options.everyEntries ?? DIGEST_EVERY_ENTRIES;
  }

  /** Called after each entry, of whatever kind: everybody then stops at the same indexes. */
  applied(index: LogIndex): void {
    if (index % this.#everyEntries !== 0) return;
    this.#options.store.checkpoint(index);
    if (!this.#isWorking) this.#work();
  }

  restored(): void {
    this.#comparison.forget();
  }

  heard(from: RaftId, told: { readonly index: LogIndex; readonly digest: string }): void {
    this.#act(this.#comparison.heard(from, told, this.#options.voters()));
  }

  /** In slices: after a snapshot all of a large state is hashed anew. */
  #work(): void {
    const { store, clock, metrics, tell, voters } = this.#options;
    const { finished, isWorking } = store.digestWork(DIGEST_SLICE_ROWS);
    this.#isWorking = isWorking;
    if (isWorking) clock.after(0, () => this.#work());
    if (finished === undefined) return;
    const { index, digest } = finished;
    metrics.gauge("skein_state_digest_index", index);
    tell(index, digest);
    this.#act(this.#comparison.own(index, digest, voters()));
  }

  #act(verdicts: readonly DigestVerdict[]): void {
    const { log, metrics, fatal } = this.#options;
    for (const verdict of verdicts) {
      const { kind, index, mine, theirs } = verdict;
      if (kind === "differs") {
        metrics.count("skein_state_digest_mismatches_total");
        const { peer } = verdict;
        log.write("error", "managers differ in their state", { index, peer, mine, theirs });
      } else {
        fatal(
          `the state at log index ${index} is not that of a majority of the managers ` +
            `(${mine}, not ${theirs}): nothing read here can be trusted; ` +
            "remove manager/ of its state directory and let it join again",
        );
      }
    }
  }
}
