/** Nodes that are cut off or frozen: nothing tells them from dead ones but silence. */

import { at, numberAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { LocalCluster, LocalNode } from "../support/local-cluster.ts";
import { pause, timeUntil, until } from "../support/wait.ts";
import { failures, slowest } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import type { Web } from "./support/web.ts";
import { answeredByAll, loadOn, nodeWithTask, runWeb, whoAnswers } from "./support/web.ts";

/** Three seconds of silence, then the tasks have to start. */
const SILENT_MS = 6000;

describe("cut off", function cutOff() {
  this.timeout(60_000);
  const cluster = useCluster(3, 3);
  let web: Web;

  it("a leader without followers refuses; the others elect another and write", async () => {
    const leader = await cluster().leader();
    const other = cluster()
      .managers()
      .find((node) => node.id !== leader.id);
    if (other === undefined) throw new Error("there is one manager only");
    expect((await cluster().writeConfig("before", leader)).status).to.equal(201);
    await cluster().skein("partition", leader.name, "/", "rest");
    const since = performance.now();
    await until(10_000, "a write through the majority", async () => {
      return (await cluster().writeConfig("during", other)).status !== 500;
    });
    figure("leader cut off -> write accepted by the others", ms(since));
    const [read, write] = await Promise.all([
      cluster().ask("GET /configs", { node: leader }),
      cluster().writeConfig("in-vain", leader),
    ]);
    for (const { status, message } of [read, write]) {
      expect(status, String(message)).to.equal(500);
      expect(String(message)).to.match(/does not have a leader|outcome unknown/);
    }
    const status = await cluster().ask("GET /skein/v1/status", { node: leader });
    expect(at(status.body, "stale")).to.equal(true);
  });

  it("healed, it follows and holds what was written meanwhile", async () => {
    await cluster().skein("heal");
    for (const node of cluster().managers()) {
      await until(10_000, `${node.name} holds both writes`, async () => {
        const { body } = await cluster().ask("GET /configs", { node });
        const names = Array.isArray(body) ? body.map((one) => textAt(one, "Spec", "Name")) : [];
        return names.includes("before") && names.includes("during") && !names.includes("in-vain");
      });
      const { body } = await cluster().ask("GET /skein/v1/status", { node });
      expect(numberAt(body, "quorum", "voters")).to.equal(3);
    }
  });

  it("a worker is replaced after 3 s of silence and still serves what it can reach", async () => {
    web = await runWeb(cluster());
    const lost = await nodeWithTask(cluster(), web.name);
    const own = (await cluster().running(web.name)).find(
      (task) => textAt(task, "NodeID") === lost.id,
    );
    const load = loadOn(cluster(), web);
    await pause(500);
    const since = performance.now();
    await cluster().skein("partition", lost.name, "/", "rest");
    await answeredByAll(cluster(), web, 3, { except: lost.id, limitMs: SILENT_MS });
    figure("worker cut off -> 3 tasks answer elsewhere", ms(since));
    const answered = await whoAnswers(web.port, lost.address, 6);
    expect([...answered]).to.deep.equal([textAt(own, "ID")]);
    const sent = await load.atLeast(100);
    await cluster().skein("heal");
    await comesBackEmpty(cluster(), lost);
    expect(failures(sent)).to.deep.equal([]);
    figure("worker cut off -> slowest request", `${slowest(sent)} ms`);
  });

  it("a frozen machine is replaced; let go, it stops its copies", async () => {
    const frozen = await nodeWithTask(cluster(), web.name);
    const since = performance.now();
    await cluster().skein("pause", frozen.name);
    await until(SILENT_MS, "three tasks run elsewhere", async () => {
      return (await cluster().running(web.name, frozen.id)).length === 3;
    });
    figure("machine frozen -> 3 tasks run elsewhere", ms(since));
    const living = cluster()
      .nodes()
      .filter((node) => node.id !== frozen.id);
    for (const { address } of living) {
      await answeredByAll(cluster(), web, 3, { except: frozen.id, address });
    }
    await cluster().skein("resume", frozen.name);
    await comesBackEmpty(cluster(), frozen);
  });
});

/** The node is ready again and runs nothing of what was replaced. */
async function comesBackEmpty(cluster: LocalCluster, node: LocalNode): Promise<void> {
  await until(15_000, `${node.name} is ready`, async () => {
    const nodes = await cluster.get("/nodes");
    const found = nodes.find((one) => textAt(one, "ID") === node.id);
    return textAt(found, "Status", "State") === "ready";
  });
  await timeUntil(10_000, "its copies have ended", () => cluster.taskPids(node).length === 0);
}

function ms(since: number): string {
  return `${Math.round(performance.now() - since)} ms`;
}
