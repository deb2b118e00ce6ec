/**
 * `npm run bench -- NAME [ROUNDS]`: prints one JSON object a line. Never part of a test: figures
 * are compared, by whoever reads them, with a peer of the same run.
 */

import { benchFailover } from "./bench/failover.ts";
import { benchGossip } from "./bench/gossip.ts";
import { benchGossipSim } from "./bench/gossip-sim.ts";
import { benchIdle } from "./bench/idle.ts";
import { benchJoin } from "./bench/join.ts";
import { benchMany } from "./bench/many.ts";
import { benchOverlay } from "./bench/overlay.ts";
import { benchRaft } from "./bench/raft.ts";
import { benchRecovery } from "./bench/recovery.ts";
import { benchReplicas } from "./bench/replicas.ts";
import { benchSchedule } from "./bench/schedule.ts";
import { benchSoak } from "./bench/soak.ts";
import { benchWal } from "./bench/wal.ts";
import { benchWrites } from "./bench/writes.ts";

const BENCHES: Readonly<Record<string, (rounds: number) => Promise<void>>> = {
  idle: () => benchIdle(),
  join: (rounds) => benchJoin(Math.min(rounds, 10)),
  many: () => benchMany(),
  overlay: (rounds) => benchOverlay(Math.min(rounds, 10)),
  raft: (rounds) => benchRaft(rounds),
  gossip: (rounds) => benchGossip(rounds),
  "gossip-sim": (rounds) => benchGossipSim([3, 25, 100], rounds),
  "gossip-sim-1000": (rounds) => benchGossipSim([1000], Math.min(rounds, 3)),
  // Half an hour and ten gigabytes: NODE_OPTIONS=--max-old-space-size=14000.
  "gossip-sim-5000": (rounds) => benchGossipSim([5000], Math.min(rounds, 2), false),
  failover: (rounds) => benchFailover(rounds),
  soak: (minutes) => benchSoak(minutes),
  recovery: (rounds) => benchRecovery(rounds),
  replicas: (rounds) => benchReplicas(Math.min(rounds, 5)),
  schedule: () => benchSchedule(),
  writes: (rounds) => benchWrites(Math.min(rounds, 3)),
  wal: (rounds) => benchWal(rounds),
  // Loaded when asked for: it bundles what it measures.
  ingress: async (rounds) => (await import("./bench/ingress.ts")).benchIngress(Math.min(rounds, 3)),
};

/** Without a number: kills of `failover`, minutes of `soak`, else rounds. */
const DEFAULT_ROUNDS: Readonly<Record<string, string>> = { failover: "30" };

const [name = "", rounds = DEFAULT_ROUNDS[name] ?? "20"] = process.argv.slice(2);
const run = BENCHES[name];
if (run === undefined || !/^\d+$/.test(rounds)) {
  console.error(`Cannot run benchmark ${name}: there are ${Object.keys(BENCHES).join(", ")}`);
  process.exit(2);
}
await run(Number(rounds));
