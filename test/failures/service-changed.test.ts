/** A service is updated under load, also to something broken, rolled back, scaled and removed. */

import { listAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { LocalCluster } from "../support/local-cluster.ts";
import { pause, timeUntil, until } from "../support/wait.ts";
import { failures, send, slowest } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import type { Web } from "./support/web.ts";
import { answeredByAll, loadOn, runWeb } from "./support/web.ts";

describe("service changed", function serviceChanged() {
  this.timeout(60_000);
  const cluster = useCluster(1, 3);
  let web: Web;

  it("a rolling update replaces every task; no request fails", async () => {
    web = await runWeb(cluster(), { flags: ["--env", "A=1"] });
    const before = await answeredByAll(cluster(), web, 3);
    const load = loadOn(cluster(), web);
    await pause(500);
    const since = performance.now();
    await cluster().skein("service", "update", "--env-add", "A=2", web.name);
    figure("rolling update of 3 replicas", ms(since));
    const after = await answeredByAll(cluster(), web, 3);
    expect(
      after.filter((task) => before.includes(task)),
      "tasks kept",
    ).to.deep.equal([]);
    const sent = await load.atLeast(100);
    expect(failures(sent)).to.deep.equal([]);
    figure("rolling update -> slowest request", `${slowest(sent)} ms`);
    for (const task of await cluster().running(web.name)) {
      expect(listAt(task, "Spec", "ContainerSpec", "Env")).to.deep.equal(["A=2"]);
    }
  });

  it("start-first replaces every task too; no request fails", async () => {
    const load = loadOn(cluster(), web);
    await pause(300);
    const order = ["--update-order", "start-first", "--update-parallelism", "2"];
    await cluster().skein("service", "update", ...order, "--env-add", "A=3", web.name);
    expect(failures(await load.atLeast(60))).to.deep.equal([]);
  });

  it("a broken update pauses and says why; the other tasks serve on", async () => {
    const load = loadOn(cluster(), web);
    const broken = ["--update-order", "stop-first", "--update-parallelism", "1"];
    const args = ["--args", "node /no/such/program.js"];
    const said = await cluster().tell("service", "update", ...broken, ...args, web.name);
    expect(said.code, said.out).to.equal(1);
    expect(said.err).to.match(/service web: the update is paused: .*failure/);
    expect(await updateState(cluster(), web)).to.equal("paused");
    const good = (await cluster().running(web.name)).length;
    expect(good, "tasks of the former spec").to.be.at.least(2);
    expect(failures(await load.atLeast(60))).to.deep.equal([]);
    expect(await cluster().skein("status")).to.match(/web.*paused/);
  });

  it("rolled back, every task answers again", async () => {
    await cluster().skein("service", "rollback", web.name);
    await answeredByAll(cluster(), web, 3);
    expect(await updateState(cluster(), web)).to.equal("rollback_completed");
    for (const task of await cluster().running(web.name)) {
      expect(listAt(task, "Spec", "ContainerSpec", "Args")).to.include("examples/hello/server.js");
    }
  });

  it("failure action rollback goes back by itself", async () => {
    const load = loadOn(cluster(), web);
    const action = ["--update-failure-action", "rollback", "-d"];
    const args = ["--args", "node /no/such/program.js"];
    await cluster().skein("service", "update", ...action, ...args, web.name);
    await until(30_000, "the rollback is complete", async () => {
      return (await updateState(cluster(), web)) === "rollback_completed";
    });
    await answeredByAll(cluster(), web, 3);
    expect(failures(await load.atLeast(60))).to.deep.equal([]);
  });

  it("scales 3 -> 6 -> 2 under load; no request fails, no process is left", async () => {
    const load = loadOn(cluster(), web);
    await cluster().skein("service", "scale", "web=6");
    await answeredByAll(cluster(), web, 6);
    await cluster().skein("service", "scale", "web=2");
    await answeredByAll(cluster(), web, 2);
    await timeUntil(5000, "the processes of four tasks have ended", async () => {
      const wanted = await cluster().running(web.name);
      return wanted.length === 2 && tasksWithProcesses(cluster()) === 2;
    });
    expect(failures(await load.atLeast(60))).to.deep.equal([]);
  });

  it("removed: its tasks stop, its port closes on every node and 127.0.0.1", async () => {
    const since = performance.now();
    await cluster().skein("service", "rm", web.name);
    const addresses = [
      "127.0.0.1",
      ...cluster()
        .nodes()
        .map((node) => node.address),
    ];
    for (const address of addresses) {
      await until(5000, `port ${web.port} of ${address} is closed`, async () => {
        const { error } = await send(address, web.port);
        if (error === "ECONNREFUSED") return true;
        throw new Error(error ?? "it answers");
      });
    }
    figure("service removed -> port closed everywhere", ms(since));
    await timeUntil(5000, "its tasks have ended", () => cluster().taskPids().length === 0);
    figure("service removed -> its tasks have ended", ms(since));
    await timeUntil(5000, "its tasks are forgotten", async () => {
      return (await cluster().get("/tasks")).length === 0;
    });
    // The port is free for the next one.
    const again = await cluster().tell(
      ...["run", "--name", "again", "-p", `${web.port}:3000`],
      ...["--", "node", "examples/hello/server.js"],
    );
    expect(again.code, again.err).to.equal(0);
    await answeredByAll(cluster(), { name: "again", port: web.port }, 1);
  });
});

/** Each task's wrapper leads a group of its own: as many groups, as many tasks that run. */
function tasksWithProcesses(cluster: LocalCluster): number {
  const perTask = 2;
  return cluster.taskPids().length / perTask;
}

async function updateState(cluster: LocalCluster, web: Web): Promise<string> {
  const { body } = await cluster.ask(`GET /services/${web.name}`);
  return textAt(body, "UpdateStatus", "State");
}

function ms(since: number): string {
  return `${Math.round(performance.now() - since)} ms`;
}
