/**
 * Managers compare the digests of their state at the same log index (etcd's corruption check, with
 * every manager as a judge). Equal entries must make equal states; where they did not, a replica
 * has a wrong state, and whoever reads from it is told something false.
 *
 * Invariants:
 *   V1. A member stops only when a majority of the voters has one other digest at the same index:
 *       one replica that went astray, the leader too, never takes the others with it.
 *   V2. A difference without a majority is told once for each peer and index, and stops nobody.
 *   V3. At most `DIGESTS_KEPT` indexes are remembered of each member, the newest.
 */
import type { LogIndex, RaftId } from "@skein/common/ids";
import { DIGESTS_KEPT } from "../limits.ts";

export interface Difference {
  readonly index: LogIndex;
  readonly peer: RaftId;
  readonly mine: string;
  readonly theirs: string;
}

export type DigestVerdict =
  | ({ readonly kind: "differs" } & Difference)
  /** This member is the one that is wrong. */
  | {
      readonly kind: "astray";
      readonly index: LogIndex;
      readonly mine: string;
      readonly theirs: string;
    };

type Digests = Map<LogIndex, string>;

export class DigestComparison {
  readonly #self: RaftId;
  readonly #digests = new Map<RaftId, Digests>();

  constructor(self: RaftId) {
    this.#self = self;
  }

  /** Who is asked is who has a say: a learner's digest is compared, and does not count. */
  own(index: LogIndex, digest: string, voters: readonly RaftId[]): readonly DigestVerdict[] {
    this.#remember(this.#self, index, digest);
    const peers = [...this.#digests.keys()].filter((id) => id !== this.#self);
    const verdicts = peers.flatMap((peer) => this.#compare(peer, index));
    return verdicts.length === 0 ? verdicts : [...verdicts, ...this.#judge(index, voters)];
  }

  heard(
    peer: RaftId,
    { index, digest }: { readonly index: LogIndex; readonly digest: string },
    voters: readonly RaftId[],
  ): readonly DigestVerdict[] {
    if (peer === this.#self || this.#digests.get(peer)?.get(index) === digest) return [];
    this.#remember(peer, index, digest);
    const verdicts = this.#compare(peer, index);
    return verdicts.length === 0 ? verdicts : [...verdicts, ...this.#judge(index, voters)];
  }

  /** After a snapshot: what this member had before is no state it has been in. */
  forget(): void {
    this.#digests.delete(this.#self);
  }

  #compare(peer: RaftId, index: LogIndex): readonly DigestVerdict[] {
    const mine = this.#digests.get(this.#self)?.get(index);
    const theirs = this.#digests.get(peer)?.get(index);
    if (mine === undefined || theirs === undefined || mine === theirs) return [];
    return [{ kind: "differs", index, peer, mine, theirs }];
  }

  /** V1. */
  #judge(index: LogIndex, voters: readonly RaftId[]): readonly DigestVerdict[] {
    const mine = this.#digests.get(this.#self)?.get(index);
    if (mine === undefined) return [];
    const votes = new Map<string, number>();
    for (const voter of voters) {
      const digest = this.#digests.get(voter)?.get(index);
      if (digest !== undefined) votes.set(digest, (votes.get(digest) ?? 0) + 1);
    }
    for (const [theirs, count] of votes) {
      if (theirs !== mine && count * 2 > voters.length) {
        return [{ kind: "astray", index, mine, theirs }];
      }
    }
    return [];
  }

  /** V3. */
  #remember(member: RaftId, index: LogIndex, digest: string): void {
    const digests = this.#digests.get(member) ?? new Map();
    digests.set(index, digest);
    this.#digests.set(member, digests);
    while (digests.size > DIGESTS_KEPT) {
      const oldest = Math.min(...digests.keys());
      for (const key of digests.keys()) if (key === oldest) digests.delete(key);
    }
  }
}
