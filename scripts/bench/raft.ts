/** What the managers' log gives its users: writes beside etcd, reads, and leaders killed. */
import { LocalCluster } from "../../test/support/local-cluster.ts";
import { benchReads } from "./reads.ts";
import { leaderKills } from "./recovery.ts";
import { reportTimes } from "./report.ts";
import { benchWrites } from "./writes.ts";

const PAIRS = 3;
const LEADER_KILLS = 30;

export async function benchRaft(rounds: number): Promise<void> {
  await benchWrites(Math.min(rounds, PAIRS));
  await benchReads();
  const cluster = new LocalCluster("bench");
  try {
    await cluster.up(3, 1);
    const times = await leaderKills(cluster, Math.min(rounds, LEADER_KILLS));
    reportTimes("raft", "leader killed -> write accepted", times);
  } finally {
    await cluster.down();
  }
}
