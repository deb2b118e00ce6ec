/**
 * The loss of an agent: a worker's process is killed, its tasks run on. They are replaced
 * elsewhere, or adopted.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { numberAt, textAt } from "@skein/cli/api/read";
import { isAlive } from "@skein/cli/local/processes";
import { expect } from "chai";
import type { LocalCluster, LocalNode } from "../support/local-cluster.ts";
import { pause, timeUntil, until } from "../support/wait.ts";
import { failures, withoutCaughtBy } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import { answeredByAll, loadOn, nodeWithTask, pidOf, runWeb, whoAnswers } from "./support/web.ts";

const REPLACED_MS = 3000;

describe("agent lost", function agentLost() {
  this.timeout(60_000);
  const cluster = useCluster(3, 3);

  it("replaced within 3 s under load; the old copy runs but is not served", async () => {
    const web = await runWeb(cluster());
    const load = loadOn(cluster(), web);
    await pause(1000);
    const victim = await nodeWithTask(cluster(), web.name);
    const old = await tasksOn(cluster(), web.name, victim);
    const killedAt = performance.now();
    killAgent(victim);
    const kill = { from: killedAt, to: performance.now() };
    await answeredByAll(cluster(), web, 3, { except: victim.id });
    const tookMs = Math.round(performance.now() - killedAt);
    figure("agent killed -> 3 tasks answer elsewhere", `${tookMs} ms`);
    expect(tookMs).to.be.at.most(REPLACED_MS);
    for (const task of old) expect(isAlive(pidOf(task)), "the old copy runs on").to.equal(true);
    const answered = await whoAnswers(web.port, "127.0.0.1", 30);
    for (const task of old) expect([...answered]).to.not.include(textAt(task, "ID"));
    const sent = await load.atLeast(200);
    expect(failures(withoutCaughtBy(kill, sent))).to.deep.equal([]);
    expect(await stateOf(cluster(), victim)).to.equal("down");
  });

  it("the agent that comes back stops what is no longer assigned", async () => {
    const [victim] = cluster()
      .nodes()
      .filter((node) => node.pids.worker === undefined);
    if (victim === undefined) throw new Error("no worker was killed");
    expect(cluster().taskPids(victim), "processes of the lost agent").to.not.be.empty;
    await cluster().skein("start", victim.name);
    const tookMs = await timeUntil(15_000, "the old copies end", () => {
      const running = cluster().taskPids(victim);
      return running.length === 0;
    });
    figure("agent started again -> old copies gone", `${tookMs} ms`);
    await until(5000, "the node is ready", async () => {
      return (await stateOf(cluster(), cluster().node(victim.name))) === "ready";
    });
    const tasks = await cluster().running("web");
    expect(tasks.length).to.equal(3);
    await cluster().skein("service", "rm", "web");
  });
});

describe("agent replaced before its node is down", function agentReplaced() {
  this.timeout(60_000);
  const cluster = useCluster(3, 1);

  it("adopts its tasks: same processes, every line of output, exit codes", async () => {
    const go = join(cluster().stateDir, "go");
    mkdirSync(go);
    const count = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo line $i; sleep 0.02; done";
    const end = `while [ ! -e ${go}/end ]; do sleep 0.05; done; echo ends; exit 3`;
    const once = ["--restart-condition", "none"];
    await cluster().skein("run", "--name", "count", "--replicas", "2", "--", "sh", "-c", count);
    await cluster().skein("run", "--name", "end", ...once, "--", "sh", "-c", end);
    const before = [...(await cluster().running("count"))];
    const [ending] = await cluster().running("end");
    const agent = cluster().node("worker-1");
    await pause(500);

    await whileFrozen(cluster(), async () => {
      killAgent(agent);
      await until(2000, "the agent is gone", () => !isAlive(agent.pids.worker ?? 0));
      writeFileSync(join(go, "end"), "");
      await until(2000, "the task ended without an agent", () => !isAlive(pidOf(ending)));
      await pause(300);
      await cluster().skein("start", agent.name);
    });

    const ended = await until(10_000, "the end is reported", async () => {
      const [task] = await cluster().tasks("end");
      return textAt(task, "Status", "State") === "failed" && task;
    });
    expect(numberAt(ended, "Status", "ContainerStatus", "ExitCode")).to.equal(3);
    expect(textAt(ended, "Status", "Err")).to.include("non-zero exit (3)");
    expect(textAt(ended, "ID")).to.equal(textAt(ending, "ID"));
    await pause(500);
    const after = await cluster().running("count");
    expect(idsAndPids(after)).to.deep.equal(idsAndPids(before));
    for (const task of after) expect(isAlive(pidOf(task))).to.equal(true);
    await expectNoLineLost(cluster());
    expect((await cluster().tell("service", "logs", "end")).out).to.include("ends");
  });

  it("an adopted task is stopped with its whole tree", async () => {
    await cluster().skein("service", "rm", "count", "end");
    await timeUntil(
      15_000,
      "no process of a task is left",
      () => cluster().taskPids().length === 0,
    );
  });
});

/** Lines are numbered from 1: each task's must be there without a gap or a repetition. */
async function expectNoLineLost(cluster: LocalCluster): Promise<void> {
  const said = await cluster.skein("service", "logs", "count");
  const lines = new Map<string, number[]>();
  for (const line of said.trim().split("\n")) {
    const [, task = "", number = ""] = /^(\S+).*line (\d+)\s*$/.exec(line) ?? [];
    lines.set(task, [...(lines.get(task) ?? []), Number(number)]);
  }
  expect(lines.size, "tasks with output").to.equal(2);
  for (const [task, numbers] of lines) {
    expect(numbers.length, `lines of ${task}`).to.be.above(50);
    expect(numbers, task).to.deep.equal(numbers.map((_, at) => at + 1));
  }
}

async function tasksOn(
  cluster: LocalCluster,
  service: string,
  node: LocalNode,
): Promise<readonly unknown[]> {
  return (await cluster.running(service)).filter((task) => textAt(task, "NodeID") === node.id);
}

async function stateOf(cluster: LocalCluster, node: LocalNode): Promise<string> {
  const nodes = await cluster.get("/nodes");
  return textAt(
    nodes.find((one) => textAt(one, "ID") === node.id),
    "Status",
    "State",
  );
}

function idsAndPids(tasks: readonly unknown[]): readonly string[] {
  return tasks.map((task) => `${textAt(task, "ID")} ${pidOf(task)}`).toSorted();
}

function killAgent(node: LocalNode): void {
  expect(node.pids.worker, `pid of the worker of ${node.name}`).to.be.a("number");
  process.kill(Number(node.pids.worker), "SIGKILL");
}

/** No manager runs meanwhile, so that no node is found to be down. */
async function whileFrozen(cluster: LocalCluster, act: () => Promise<void>): Promise<void> {
  const pids = cluster.managers().map(({ pids: { manager } }) => Number(manager));
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  try {
    await act();
  } finally {
    for (const pid of pids) process.kill(pid, "SIGCONT");
  }
}
