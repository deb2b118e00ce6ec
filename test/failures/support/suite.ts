/**
 * What every suite of failures shares: one build, a cluster that is taken down whatever happens,
 * the ends of the nodes' logs when a test fails, and the figures that were seen.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { expect } from "chai";
import { LocalCluster, REPOSITORY } from "../../support/local-cluster.ts";

const LOG_LINES_SHOWN = 25;

const FIRST_PORT = 20_000;
const PORTS = 10_000;
/** Runs beside each other begin at different ports. */
let nextPort = process.pid * 16;

const figures: string[] = [];
const open = new Set<LocalCluster>();

before(function build() {
  this.timeout(180_000);
  const built = spawnSync(process.execPath, ["scripts/bootstrap.mjs", "build"], {
    cwd: REPOSITORY,
    stdio: "inherit",
  });
  expect(built.status, "exit code of the build").to.equal(0);
});

after("figures", () => {
  if (figures.length > 0)
    console.log(`\n  seen:\n${figures.map((one) => `    ${one}\n`).join("")}`);
});

// An interrupted run must not leave a cluster behind either.
process.once("exit", () => {
  for (const cluster of open) cluster.kill();
});

export function figure(what: string, value: string): void {
  figures.push(`${what}: ${value}`);
}

/** A cluster for the tests of one `describe`; made before them, gone without a trace after them. */
export function useCluster(managers: number, workers: number): () => LocalCluster {
  let cluster: LocalCluster | undefined;
  const get = (): LocalCluster => {
    if (cluster === undefined) throw new Error("the cluster is not up");
    return cluster;
  };
  before("up", async function up() {
    this.timeout(90_000);
    cluster = new LocalCluster();
    open.add(cluster);
    await cluster.up(managers, workers);
  });
  afterEach("logs of a failure", function logs() {
    if (this.currentTest?.state === "failed") showLogs(get());
  });
  after("down", async function down() {
    this.timeout(60_000);
    await get().down();
    open.delete(get());
    expect(get().leftBehind(), "processes left behind").to.deep.equal([]);
    expect(existsSync(get().stateDir), "state directory left behind").to.equal(false);
  });
  return get;
}

/** A port that nobody has on any local address, below those the kernel gives to clients. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < PORTS; tried += 1) {
    const port = FIRST_PORT + (nextPort % PORTS);
    nextPort += 1;
    if (await isFree(port)) return port;
  }
  throw new Error("no port is free");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "0.0.0.0", () => server.close(() => resolve(true)));
  });
}

function showLogs(cluster: LocalCluster): void {
  for (const node of cluster.nodes()) {
    const lines = existsSync(node.log) ? readFileSync(node.log, "utf8").trimEnd().split("\n") : [];
    console.log(`--- ${node.name} (${node.id}) ${JSON.stringify(node.pids)}`);
    for (const line of lines.slice(-LOG_LINES_SHOWN)) console.log(line);
  }
}
