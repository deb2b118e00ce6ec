/** The launcher is lost, or the whole cluster is taken down and up again. */

import { textAt } from "@skein/cli/api/read";
import { isAlive } from "@skein/cli/local/processes";
import { expect } from "chai";
import { pause, timeUntil, until } from "../support/wait.ts";
import { failures, send } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import type { Web } from "./support/web.ts";
import { answeredByAll, loadOn, runWeb } from "./support/web.ts";

describe("everything restarted", function everythingRestarted() {
  this.timeout(60_000);
  const cluster = useCluster(3, 2);
  let web: Web;

  it("down ends every process, tasks included", async () => {
    web = await runWeb(cluster());
    const stubborn = "trap '' TERM INT; sleep 1000 & wait; sleep 1000";
    await cluster().skein(
      ...["run", "--name", "stubborn", "--stop-grace-period", "500ms"],
      ...["--", "sh", "-c", stubborn],
    );
    await cluster().writeConfig("kept");
    expect(cluster().taskPids().length, "task processes").to.be.at.least(5);
    const since = performance.now();
    await cluster().skein("down");
    figure("skein down with 4 tasks", `${Math.round(performance.now() - since)} ms`);
    expect(cluster().leftBehind()).to.deep.equal([]);
    expect((await send("127.0.0.1", web.port)).error).to.equal("ECONNREFUSED");
  });

  it("up resumes it: services run and answer again, configs are there", async () => {
    const since = performance.now();
    await cluster().skein("up", "--detach");
    const tasks = await answeredByAll(cluster(), web, 3, { limitMs: 15_000 });
    figure("skein up of a stopped cluster -> 3 tasks answer", ms(since));
    expect(new Set(tasks).size).to.equal(3);
    await timeUntil(10_000, "the other service runs", async () => {
      return (await cluster().running("stubborn")).length === 1;
    });
    const configs = await cluster().get("/configs");
    expect(configs.map((config) => textAt(config, "Spec", "Name"))).to.deep.equal(["kept"]);
  });

  it("kill -9 of every process of the cluster, then down: no task is left", async () => {
    const pids = [
      cluster().launcherPid(),
      ...cluster()
        .nodes()
        .flatMap((node) => Object.values(node.pids)),
    ];
    for (const pid of pids) process.kill(Number(pid), "SIGKILL");
    await until(2000, "they are gone", () => pids.every((pid) => !isAlive(Number(pid))));
    expect(cluster().taskPids(), "tasks run on without agents").to.not.be.empty;
    await cluster().skein("down");
    expect(cluster().leftBehind()).to.deep.equal([]);
  });

  it("up after kill -9 of everything: services run again", async () => {
    await cluster().skein("up", "--detach");
    await answeredByAll(cluster(), web, 3, { limitMs: 15_000 });
  });

  it("launcher killed: 127.0.0.1 answers, status says so, no request fails", async () => {
    const load = loadOn(cluster(), web);
    await pause(500);
    process.kill(cluster().launcherPid(), "SIGKILL");
    await pause(1000);
    await answeredByAll(cluster(), web, 3);
    expect(failures(await load.atLeast(60))).to.deep.equal([]);
    expect(await cluster().skein("status")).to.match(/launcher is gone/i);
  });

  it("without a launcher, a lost agent can be started: it serves its own address", async () => {
    const agent = cluster().node("worker-1");
    process.kill(agent.pids.worker ?? 0, "SIGKILL");
    await until(2000, "it is gone", () => !isAlive(agent.pids.worker ?? 0));
    const said = await cluster().skein("start", agent.name);
    expect(said).to.match(/started worker-1 .*127\.0\.0\.1/);
    await answeredByAll(cluster(), web, 3, { address: agent.address });
    await answeredByAll(cluster(), web, 3);
  });

  it("without a launcher, a manager may be lost too, and 127.0.0.1 serves on", async () => {
    const leader = await cluster().leader();
    const load = loadOn(cluster(), web);
    await pause(300);
    process.kill(leader.pids.manager ?? 0, "SIGKILL");
    expect(failures(await load.atLeast(60))).to.deep.equal([]);
  });

  it("without a launcher, down ends everything", async () => {
    await cluster().skein("down");
    expect(cluster().leftBehind()).to.deep.equal([]);
    await cluster().skein("up", "--detach");
    await answeredByAll(cluster(), web, 3, { limitMs: 15_000 });
  });
});

function ms(since: number): string {
  return `${Math.round(performance.now() - since)} ms`;
}
