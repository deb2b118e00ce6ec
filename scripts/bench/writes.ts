/**
 * Durable replicated writes over HTTP, three members, 340-byte values: `POST /configs/create`
 * through validation, mutual TLS and the store everyone uses, beside etcd's `/v3/kv/put` in the
 * same run.
 */
import { join } from "node:path";
import { LocalCluster } from "../../test/support/local-cluster.ts";
import { EtcdCluster } from "./etcd.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { runLoad } from "./load.ts";
import { report } from "./report.ts";

const CONNECTIONS = [1, 16, 64, 256];
/** Before anything is measured, of both: code that has not run often is interpreted. */
const WARM_UP = { connections: 64, durationMs: 5000 };
const VALUE = Buffer.alloc(340, "x").toString("base64");

export async function benchWrites(rounds: number): Promise<void> {
  const cluster = new LocalCluster();
  const etcd = await EtcdCluster.start();
  if (etcd === undefined) console.error("etcd is not installed: no peer in this run");
  try {
    await cluster.up(3, 1);
    await ourWrites(cluster, WARM_UP, "warm");
    if (etcd !== undefined) await etcdWrites(etcd, WARM_UP, "warm");
    for (const connections of CONNECTIONS) await compare(cluster, etcd, connections, rounds);
  } finally {
    await etcd?.stop();
    await cluster.down();
  }
}

/** Pairs taken in turn; the medians are what is reported. */
async function compare(
  cluster: LocalCluster,
  etcd: EtcdCluster | undefined,
  connections: number,
  rounds: number,
): Promise<void> {
  const ours: LoadResult[] = [];
  const peers: LoadResult[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const run = `${connections}-${round}`;
    const load = { connections, durationMs: 5000 };
    ours.push(await ourWrites(cluster, load, run));
    if (etcd !== undefined) peers.push(await etcdWrites(etcd, load, run));
  }
  const median = middle(ours);
  const peer = peers.length === 0 ? undefined : middle(peers);
  report({
    bench: "writes",
    case: `${connections} connections`,
    unit: "1/s",
    better: "higher",
    ours: median.perSecond,
    p50: median.p50,
    p99: median.p99,
    peer:
      peer === undefined || etcd === undefined
        ? null
        : { name: `${etcd.version} (p50 ${peer.p50} ms)`, value: peer.perSecond },
  });
  const errors = [...ours, ...peers].reduce((sum, one) => sum + one.errors, 0);
  if (errors > 0) console.error(`${errors} requests failed`);
}

async function ourWrites(
  cluster: LocalCluster,
  load: Pick<LoadOptions, "connections" | "durationMs">,
  run: string,
): Promise<LoadResult> {
  // As with etcd: the clients are spread over all members.
  const managers = cluster.nodes().filter((node) => node.role === "manager");
  const targets = managers.map((node) => node.api.replace("unix://", ""));
  const leader = join(cluster.stateDir, (await cluster.leader()).name, "skein.sock");
  return runLoad({
    ...load,
    targets: load.connections === 1 ? [leader] : targets,
    path: "/configs/create",
    body: (n) => JSON.stringify({ Name: `c-${run}-${n}`, Data: VALUE }),
  });
}

function etcdWrites(
  etcd: EtcdCluster,
  load: Pick<LoadOptions, "connections" | "durationMs">,
  run: string,
): Promise<LoadResult> {
  return runLoad({
    ...load,
    targets: etcd.targets,
    path: "/v3/kv/put",
    body: (n) =>
      JSON.stringify({ key: Buffer.from(`c-${run}-${n}`).toString("base64"), value: VALUE }),
  });
}

function middle(results: readonly LoadResult[]): LoadResult {
  const sorted = results.toSorted((a, b) => a.perSecond - b.perSecond);
  const found = sorted[Math.floor(sorted.length / 2)];
  if (found === undefined) throw new Error("no round was run");
  return found;
}
