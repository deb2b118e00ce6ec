/**
 * Linearizable reads over HTTP, three members: `GET /configs/NAME` at any manager, each confirmed
 * by a majority before it is answered.
 */
import { LocalCluster } from "../../test/support/local-cluster.ts";
import { runLoad } from "./load.ts";
import { report } from "./report.ts";

const CONNECTIONS = [1, 16, 64];

export async function benchReads(): Promise<void> {
  const cluster = new LocalCluster("bench");
  try {
    await cluster.up(3, 1);
    await cluster.writeConfig("read");
    const targets = cluster.managers().map((node) => node.api.replace("unix://", ""));
    const load = { targets, path: "/configs/read" };
    await runLoad({ ...load, connections: 64, durationMs: 3000 });
    for (const connections of CONNECTIONS) {
      const { perSecond, p50, p99, errors } = await runLoad({
        ...load,
        connections,
        durationMs: 5000,
      });
      report({
        bench: "raft",
        case: `linearizable reads, ${connections} connections`,
        unit: "1/s",
        better: "higher",
        ours: perSecond,
        p50,
        p99,
        peer: null,
      });
      if (errors > 0) console.error(`${errors} reads failed`);
    }
  } finally {
    await cluster.down();
  }
}
