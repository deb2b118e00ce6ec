/**
 * Updates that take nothing away, under load, with the leader killed in the middle of each: no
 * request may fail. `SKEIN_UNDER_FIRE=10000` sends so many for each order, over as many updates as
 * fit, each with its leader killed.
 */
import { listAt, numberAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { LocalCluster } from "../support/local-cluster.ts";
import { pause, until } from "../support/wait.ts";
import type { Sent } from "./support/load.ts";
import { failures, slowest } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import type { Web } from "./support/web.ts";
import { loadOn, runWeb } from "./support/web.ts";

const REQUESTS = Number(process.env["SKEIN_UNDER_FIRE"] ?? 160);
const PER_SECOND = REQUESTS > 1000 ? 100 : 20;
const REPLICAS = 3;
/** With the machine's other work; an update has deadlines of its own. */
const UPDATE_MS = 60_000;

describe("updates under fire", function underFire() {
  this.timeout(120_000 + REQUESTS * 60);
  const cluster = useCluster(3, 2);

  for (const order of ["start-first", "blue-green"] as const) {
    it(`${order}: the leader is killed in the middle of the update; no request fails`, async () => {
      const flags = ["--update-order", order, "--update-monitor", "1s", "--env", "A=0"];
      const web = await runWeb(cluster(), { name: order, replicas: REPLICAS, flags });
      const load = loadOn(cluster(), web, PER_SECOND);
      await pause(500);
      let updates = 0;
      do {
        updates += 1;
        await updateWithoutLeader(cluster(), web, updates);
      } while (load.count() < REQUESTS);
      const sent = await load.atLeast(REQUESTS);
      figure(`${order}: ${sent.length} requests over ${updates} updates`, summary(sent));
      expect(failures(sent).slice(0, 9)).to.deep.equal([]);
      const last = sent.slice(-4).map(({ taskId }) => taskId);
      const tasks = await tasksOf(cluster(), web, `A=${updates}`);
      expect(tasks, "who answers last").to.include.members(last);
    });
  }

  it("blue-green: the way back is at once, to the same tasks; no request fails", async () => {
    const web = { name: "blue-green", port: await portOf(cluster(), "blue-green") };
    const load = loadOn(cluster(), web, PER_SECOND);
    const standing = await former(cluster(), web);
    expect(standing).to.have.length(REPLICAS);
    await pause(500);
    const { body } = await cluster().ask(`GET /services/${web.name}`);
    const version = numberAt(body, "Version", "Index");
    const since = performance.now();
    const query = `version=${version}&rollback=previous`;
    const said = await cluster().ask(`POST /services/${web.name}/update?${query}`, {
      body: Reflect.get(Object(body), "Spec"),
    });
    expect(said.status, String(said.message)).to.equal(200);
    figure("rollback -> accepted", ms(performance.now() - since));
    const sent = await load.atLeast(100);
    const first = sent.find(({ taskId }) => standing.includes(taskId));
    const last = sent.findLast(({ taskId }) => taskId !== "" && !standing.includes(taskId));
    figure("rollback -> first answer of the former set", ms((first?.to ?? 0) - since));
    figure("rollback -> last request taken by the other", ms((last?.from ?? 0) - since));
    expect(failures(sent)).to.deep.equal([]);
    expect(standing).to.include.members(sent.slice(-4).map(({ taskId }) => taskId));
  });
});

/** One update, complete, whose leader was killed while it was under way, and is back. */
async function updateWithoutLeader(
  cluster: LocalCluster,
  web: Web,
  version: number,
): Promise<void> {
  const leader = await cluster.leader();
  const command = ["service", "update", "-d", "--env-add", `A=${version}`, web.name];
  await cluster.skein(...command);
  await until(UPDATE_MS, "a task of the new version", async () => {
    return (await tasksOf(cluster, web, `A=${version}`)).length > 0;
  });
  const { manager } = leader.pids;
  if (manager === undefined) throw new Error(`${leader.name} has no manager process`);
  process.kill(manager, "SIGKILL");
  await until(UPDATE_MS, "the update is complete", async () => {
    const { body } = await cluster.ask(`GET /services/${web.name}`);
    const state = textAt(body, "UpdateStatus", "State");
    expect(state).to.not.match(/paused|rollback/);
    return state === "completed";
  });
  await cluster.skein("start", leader.name);
  await until(UPDATE_MS, "three managers in contact", async () => {
    return cluster.managers().every(({ pids }) => pids.manager !== undefined);
  });
}

/** Ids of its wanted tasks with this in their environment. */
async function tasksOf(cluster: LocalCluster, web: Web, env: string): Promise<readonly string[]> {
  const tasks = await cluster.running(web.name);
  return tasks
    .filter((task) => listAt(task, "Spec", "ContainerSpec", "Env").includes(env))
    .map((task) => textAt(task, "ID"));
}

/** Wanted tasks of the version before. */
async function former(cluster: LocalCluster, web: Web): Promise<readonly string[]> {
  const { body } = await cluster.ask(`GET /services/${web.name}`);
  const env = listAt(body, "PreviousSpec", "TaskTemplate", "ContainerSpec", "Env");
  return tasksOf(cluster, web, String(env[0]));
}

async function portOf(cluster: LocalCluster, name: string): Promise<number> {
  const { body } = await cluster.ask(`GET /services/${name}`);
  const [port] = listAt(body, "Endpoint", "Ports");
  return Number(Reflect.get(Object(port), "PublishedPort"));
}

function summary(sent: readonly Sent[]): string {
  const kinds = new Map<string, number>();
  for (const { error } of sent) {
    if (error !== undefined) kinds.set(error, (kinds.get(error) ?? 0) + 1);
  }
  const errors = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(", ");
  return `${failures(sent).length} failed (${errors}), slowest ${slowest(sent)} ms`;
}

function ms(time: number): string {
  return `${Math.round(time)} ms`;
}
