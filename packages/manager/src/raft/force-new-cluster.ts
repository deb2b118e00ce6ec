/**
 * The way out when a majority of the managers is gone for good: one survivor goes on alone. The
 * only operation that gives up what Raft promises, so only a person begins it.
 *
 *   G1. What the survivor's log holds is kept, whatever its commit index says: that index lags
 *       behind what was acknowledged, and nothing here can tell the two apart. What was never
 *       acknowledged may take effect by it, as every write of unknown outcome may.
 *   G2. All others are tombstones from here on. One that comes back is refused by the survivor and
 *       by everybody who joins it, and stops.
 *   G3. The new configuration is an entry of a new term: no old leader can have written at its
 *       index.
 */
import type { LogIndex, RaftId } from "@skein/common/ids";
import { term as toTerm } from "@skein/common/ids";
import { encode } from "@skein/common/wire/codec";
import { toIndex } from "./log.ts";
import { effectiveOf, extendHistory, historyOf } from "./membership.ts";
import type { Configuration, Entry, HardState, RaftRecovered } from "./protocol.ts";
import { membersOf } from "./quorum.ts";

export interface NewCluster {
  /** To be written before anything else. */
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
  /** What recovery would find after that. */
  readonly recovered: RaftRecovered;
  readonly removed: readonly RaftId[];
  readonly keptTo: LogIndex;
}

export function forceNewCluster(recovered: RaftRecovered, self: RaftId): NewCluster {
  const { snapshot, entries, hardState } = recovered;
  const former = effectiveOf(extendHistory(historyOf(snapshot), entries));
  const others = membersOf(former).filter((id) => id !== self);
  const keptTo = entries.at(-1)?.index ?? snapshot.index;
  const { [self]: own } = former.addresses;
  const configuration: Configuration = {
    voters: [self],
    learners: [],
    addresses: own === undefined ? {} : { [self]: own },
    removed: [...(former.removed ?? []), ...others],
  };
  const index = toIndex(keptTo + 1);
  const term = toTerm(hardState.term + 1);
  const entry: Entry = { index, term, kind: "config", data: encode(configuration) };
  const next: HardState = { term, commit: index };
  return {
    hardState: next,
    entries: [entry],
    recovered: { hardState: next, snapshot, entries: [...entries, entry] },
    removed: others,
    keptTo,
  };
}
