/** What a seed decides about its Raft-only world before it begins: each kind of trouble or none. */
import type { RaftId } from "@skein/common/ids";
import { raftId } from "@skein/common/ids";
import type { Configuration } from "@skein/manager/raft/protocol";
import type { RaftLimits } from "@skein/manager/raft/timing";
import type { SimRandom } from "../sim-random.ts";
import type { NetworkRates } from "./raft-network.ts";

export function drawRates(random: SimRandom): NetworkRates {
  const sometimes = (max: number): number => (random.once(3) ? 0 : random.between(0, max));
  return {
    loses: sometimes(2000),
    repeats: sometimes(2000),
    strays: sometimes(1000),
    latencyMsMax: random.between(1, 40),
  };
}

/** One to five voters, sometimes joint with an older set, sometimes a learner. */
export function drawConfiguration(random: SimRandom): Configuration {
  const ids = ["n1", "n2", "n3", "n4", "n5", "n6"].map((name): RaftId => raftId(name));
  const count = random.once(8) ? random.between(1, 2) : random.between(3, 5);
  const voters = ids.slice(0, count);
  const learners = random.once(4) ? ids.slice(count, count + 1) : [];
  const addresses = Object.fromEntries(ids.map((id) => [id, { nodeId: id, address: "" }]));
  const base = { voters, learners, addresses };
  return random.once(6) && count >= 3 ? { ...base, outgoing: ids.slice(0, 3) } : base;
}

/** Bounds so small that windows fill, pages break and a leader is overloaded. */
export function drawLimits(random: SimRandom): Partial<RaftLimits> {
  return {
    inflightMax: random.between(1, 6),
    appendBytesMax: random.between(60, 600),
    applyEntriesMax: random.between(1, 8),
    uncommittedEntriesMax: random.between(30, 60),
  };
}

/** Hundredths of the true pace: nearly right, or far too slow or too fast. */
export function drawPace(random: SimRandom): number {
  if (random.once(2)) return 100;
  return random.once(3) ? random.between(60, 180) : random.between(97, 103);
}
