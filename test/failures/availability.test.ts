/** Nodes are drained, paused and made active again under load: tasks move, no request fails. */

import { textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { LocalCluster, LocalNode } from "../support/local-cluster.ts";
import { pause, timeUntil } from "../support/wait.ts";
import { failures, slowest } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import type { Web } from "./support/web.ts";
import { answeredByAll, loadOn, nodeWithTask, runWeb } from "./support/web.ts";

describe("availability of a node", function availability() {
  this.timeout(60_000);
  const cluster = useCluster(1, 3);
  let web: Web;
  let node: LocalNode;

  it("drain: its tasks run elsewhere, no request fails", async () => {
    web = await runWeb(cluster());
    node = await nodeWithTask(cluster(), web.name);
    const load = loadOn(cluster(), web);
    await pause(500);
    const since = performance.now();
    await setAvailability(cluster(), node, "drain");
    await answeredByAll(cluster(), web, 3, { except: node.id });
    figure("node drained -> 3 tasks answer elsewhere", ms(since));
    await timeUntil(5000, "its tasks have ended", () => cluster().taskPids(node).length === 0);
    figure("node drained -> its tasks have ended", ms(since));
    const sent = await load.atLeast(100);
    expect(failures(sent)).to.deep.equal([]);
    figure("node drained -> slowest request", `${slowest(sent)} ms`);
  });

  it("a drained node still serves the published port", async () => {
    await answeredByAll(cluster(), web, 3, { address: node.address });
  });

  it("pause: what runs stays, nothing new comes", async () => {
    const paused = await nodeWithTask(cluster(), web.name);
    const before = await tasksOn(cluster(), web.name, paused);
    await setAvailability(cluster(), paused, "pause");
    await cluster().skein("service", "scale", "web=6");
    expect(await tasksOn(cluster(), web.name, paused)).to.deep.equal(before);
    expect(await tasksOn(cluster(), web.name, node), "on the drained node").to.deep.equal([]);
    await setAvailability(cluster(), paused, "active");
    await setAvailability(cluster(), node, "active");
    expect((await tasksOn(cluster(), web.name, node)).length, "nothing is moved").to.equal(0);
    await cluster().skein("service", "scale", "web=9");
    expect((await tasksOn(cluster(), web.name, node)).length).to.equal(3);
  });

  it("drain and active again and again under load: no request fails", async () => {
    await cluster().skein("service", "scale", "web=3");
    await answeredByAll(cluster(), web, 3);
    const load = loadOn(cluster(), web);
    for (const { name } of cluster()
      .nodes()
      .filter(({ role }) => role === "worker")) {
      const drained = cluster().node(name);
      await setAvailability(cluster(), drained, "drain");
      await answeredByAll(cluster(), web, 3, { except: drained.id });
      await setAvailability(cluster(), drained, "active");
    }
    expect(failures(await load.atLeast(60))).to.deep.equal([]);
  });
});

async function setAvailability(
  cluster: LocalCluster,
  node: LocalNode,
  availability: string,
): Promise<void> {
  await cluster.skein("node", "update", "--availability", availability, node.name);
}

async function tasksOn(
  cluster: LocalCluster,
  service: string,
  node: LocalNode,
): Promise<readonly string[]> {
  return (await cluster.running(service))
    .filter((task) => textAt(task, "NodeID") === node.id)
    .map((task) => textAt(task, "ID"))
    .toSorted();
}

function ms(since: number): string {
  return `${Math.round(performance.now() - since)} ms`;
}
