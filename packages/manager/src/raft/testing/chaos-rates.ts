/** What a seed decides about its storm: the rates of faults, the cluster, the times and bounds. */
import type { RaftId } from "@skein/common/ids";
import { raftId } from "@skein/common/ids";
import type { Random } from "@skein/common/io/random";
import type { Configuration } from "../protocol.ts";
import type { RaftLimits } from "../timing.ts";

export interface Rates {
  readonly dropPercent: number;
  readonly duplicatePercent: number;
  readonly delayMsMax: number;
  /** Percent of messages that take ten times as long: reordering over elections. */
  readonly strayPercent: number;
  readonly diskMsMax: number;
  readonly crashPercent: number;
  readonly partitionPercent: number;
  readonly pausePercent: number;
  readonly compactPercent: number;
  readonly falseDeathPercent: number;
  readonly coupPercent: number;
  readonly changePercent: number;
  readonly writes: number;
}

export function drawRates(random: Random): Rates {
  const sometimes = (max: number): number => (random.below(3) === 0 ? 0 : random.below(max + 1));
  return {
    dropPercent: sometimes(30),
    duplicatePercent: sometimes(30),
    delayMsMax: 1 + random.below(30),
    strayPercent: sometimes(10),
    diskMsMax: random.below(2) === 0 ? 2 : random.below(60),
    crashPercent: sometimes(15),
    partitionPercent: sometimes(12),
    pausePercent: sometimes(5),
    compactPercent: sometimes(20),
    falseDeathPercent: sometimes(8),
    coupPercent: sometimes(6),
    changePercent: sometimes(25),
    writes: random.below(random.below(4) === 0 ? 25 : 6),
  };
}

/** Three to five voters, sometimes joint with an older set, sometimes a learner. */
export function drawConfiguration(random: Random): Configuration {
  const ids = ["n1", "n2", "n3", "n4", "n5", "n6"].map(raftId);
  const voters = ids.slice(0, 3 + random.below(3));
  const learners = random.below(4) === 0 ? ids.slice(voters.length, voters.length + 1) : [];
  const base = { voters, learners, addresses: {} };
  return random.below(5) === 0 ? { ...base, outgoing: ids.slice(0, 3) } : base;
}

/** One member alone, a random split, or one direction of one link; or no cut at all: "from>to". */
export function drawCuts(random: Random, ids: readonly RaftId[]): readonly string[] {
  const shape = random.below(4);
  const alone = ids[random.below(ids.length)];
  const group = new Set(ids.filter(() => random.below(2) === 0));
  const split = (id: RaftId): boolean => (shape === 0 ? id === alone : group.has(id));
  return ids.flatMap((from) =>
    ids
      .filter((to) => {
        const apart = shape < 2 && split(from) !== split(to);
        return apart || (shape === 2 && from === alone && random.below(100) < 60);
      })
      .map((to) => `${from}>${to}`),
  );
}

/** Most storms run at a fifth of the timeouts: the network is then slow beside them. */
export function drawLimits(random: Random): Partial<RaftLimits> & Pick<RaftLimits, "heartbeatMs"> {
  const small = { inflightMax: 1 + random.below(4), appendBytesMax: 40 + random.below(200) };
  const bounds = { ...small, applyEntriesMax: 1 + random.below(8), uncommittedEntriesMax: 40 };
  if (random.below(4) === 0) return { ...bounds, heartbeatMs: 100 };
  return {
    ...bounds,
    heartbeatMs: 20,
    electionTimeoutMsMin: 100,
    electionTimeoutMsMax: 200,
    leaderGoneJitterMs: 10,
    stallMs: 20,
  };
}
