/**
 * 500 tasks of one service on five local workers: created, released anew, removed; and what the
 * processes of the cluster take meanwhile. The tasks are `sleep`: it is the cluster that is
 * measured.
 */
import { LocalCluster } from "../../test/support/local-cluster.ts";
import { timeUntil } from "../../test/support/wait.ts";
import { pssMegabytes } from "./idle.ts";
import { report, reportTimes } from "./report.ts";

const TASKS = 500;
const LIMIT_MS = 600_000;

export async function benchMany(): Promise<void> {
  const cluster = new LocalCluster("bench");
  try {
    await cluster.up(3, 5);
    const size = ["--replicas", `${TASKS}`, "--update-parallelism", "50"];
    const command = ["--env", "V=1", "--", "sleep", "10000"];
    await timed("created -> running", async () => {
      await cluster.skein("run", "-d", "--name", "many", ...size, ...command);
      await allRun(cluster, "V=1");
    });
    memory(cluster);
    await timed("released anew, 50 at a time -> running", async () => {
      const flags = ["--env-add", "V=2", "--update-monitor", "1s"];
      await cluster.skein("service", "update", "-d", ...flags, "many");
      await allRun(cluster, "V=2");
    });
    memory(cluster);
    await timed("removed -> forgotten, no process left", async () => {
      await cluster.skein("service", "rm", "many");
      await timeUntil(LIMIT_MS, "all are gone", async () => {
        return (await cluster.get("/tasks")).length === 0 && cluster.taskPids().length === 0;
      });
    });
  } finally {
    await cluster.down();
  }
}

async function timed(what: string, run: () => Promise<void>): Promise<void> {
  const since = performance.now();
  await run();
  reportTimes("many", `${TASKS} tasks ${what}`, [Math.round(performance.now() - since)]);
}

async function allRun(cluster: LocalCluster, env: string): Promise<void> {
  await timeUntil(LIMIT_MS, `${TASKS} run with ${env}`, async () => {
    const tasks = await cluster.running("many");
    const current = tasks.filter((task) => JSON.stringify(task).includes(`"${env}"`));
    return current.length === TASKS;
  });
}

function memory(cluster: LocalCluster): void {
  for (const kind of ["manager", "worker"] as const) {
    const sizes = cluster.nodes().flatMap(({ pids }) => {
      const pid = pids[kind];
      return pid === undefined ? [] : [pssMegabytes(pid)];
    });
    const ours = Math.max(...sizes);
    const name = `largest ${kind} (PSS) with ${TASKS} tasks`;
    report({ bench: "many", case: name, unit: "MB", better: "lower", ours, peer: null });
  }
}
