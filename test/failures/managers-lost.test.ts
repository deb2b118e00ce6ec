/** Most managers are killed, or all: what was promised holds, what cannot be done is said. */

import { at } from "@skein/cli/api/read";
import { expect } from "chai";
import type { LocalCluster, LocalNode } from "../support/local-cluster.ts";
import { pause, timeUntil } from "../support/wait.ts";
import { failures } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import { loadOn, runWeb } from "./support/web.ts";
import { configNames, Writes } from "./support/writes.ts";

describe("managers lost", function managersLost() {
  this.timeout(60_000);
  const cluster = useCluster(3, 2);

  it("all killed at once under writes: what was acknowledged is there, ports serve", async () => {
    const web = await runWeb(cluster(), { replicas: 2 });
    const load = loadOn(cluster(), web);
    const writes = new Writes(cluster(), "burst");
    await pause(1500);
    killManagers(cluster().managers());
    const acknowledged = await writes.stop();
    expect(acknowledged.length, "writes acknowledged before the end").to.be.above(20);
    await pause(1000);
    for (const { name } of cluster().managers()) await cluster().skein("start", name);
    const tookMs = await timeUntil(15_000, "a write after the restart", () => writes.one());
    figure("3 managers killed and started -> write accepted", `${tookMs} ms`);
    const kept = await configNames(cluster());
    expect(
      acknowledged.filter((name) => !kept.has(name)),
      "lost",
    ).to.deep.equal([]);
    figure(
      "acknowledged before all managers were killed",
      `${acknowledged.length} writes, all kept`,
    );
    expect(failures(await load.atLeast(100))).to.deep.equal([]);
  });

  it("every manager that comes back holds the same", async () => {
    for (const node of cluster().managers()) {
      await timeUntil(5000, `${node.name} has applied everything`, async () => {
        const { body } = await cluster().ask("GET /skein/v1/status", { node });
        return at(body, "applied") === at(body, "commit") && at(body, "quorum", "voters") === 3;
      });
    }
  });

  it("two of three killed: writes and reads are refused and say why, status answers", async () => {
    const [survivor, ...others] = cluster().managers();
    if (survivor === undefined) throw new Error("there is no manager");
    const writes = new Writes(cluster(), "minority", survivor);
    await pause(500);
    killManagers(others);
    const since = performance.now();
    const answer = await cluster().writeConfig("without-quorum", survivor);
    const tookMs = Math.round(performance.now() - since);
    figure("write without quorum -> answer", `${tookMs} ms: ${String(answer.message)}`);
    expect(tookMs).to.be.below(5500);
    expect(answer.status).to.equal(500);
    expect(String(answer.message)).to.match(
      /does not have a leader|outcome unknown .*request id \w+/,
    );
    await writes.stop();
    await expectRefusedAtOnce(cluster(), survivor);
    await expectMarkedStale(cluster(), survivor);
    for (const { name } of others) await cluster().skein("start", name);
    await timeUntil(15_000, "a write after the restart", () => writes.one());
    const kept = await configNames(cluster());
    expect(
      writes.acknowledged.filter((name) => !kept.has(name)),
      "lost",
    ).to.deep.equal([]);
    expect(
      writes.refused.filter((name) => kept.has(name)),
      "refused but there",
    ).to.deep.equal([]);
  });
});

/** Once the quorum is known to be lost: an error with the reason, before the deadline. */
async function expectRefusedAtOnce(cluster: LocalCluster, node: LocalNode): Promise<void> {
  const since = performance.now();
  const [write, read] = await Promise.all([
    cluster.writeConfig("still-without-quorum", node),
    cluster.ask("GET /services", { node }),
  ]);
  figure("without a leader: write and read refused after", ms(since));
  expect(performance.now() - since).to.be.below(5500);
  for (const { status, message } of [write, read]) {
    expect(status, "dockerd's own").to.equal(500);
    expect(String(message)).to.match(/does not have a leader/);
  }
}

async function expectMarkedStale(cluster: LocalCluster, node: LocalNode): Promise<void> {
  const ping = await cluster.ask("GET /_ping", { node });
  expect(ping.status).to.equal(200);
  for (const path of ["/version", "/info"]) {
    expect((await cluster.ask(`GET ${path}`, { node })).status, path).to.equal(200);
  }
  const status = await cluster.ask("GET /skein/v1/status", { node });
  expect(at(status.body, "stale")).to.equal(true);
  const said = await cluster.tell("status");
  expect(said.code, said.err).to.equal(0);
  expect(said.out)
    .to.match(/no leader/)
    .and.match(/1 of 3 managers/)
    .and.match(/out of date/);
}

function killManagers(nodes: readonly LocalNode[]): void {
  for (const { pids } of nodes)
    if (pids.manager !== undefined) process.kill(pids.manager, "SIGKILL");
}

function ms(since: number): string {
  return `${Math.round(performance.now() - since)} ms`;
}
