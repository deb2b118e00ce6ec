/**
 * A worker lost with `kill -9`, its process alone or its machine with the tasks, in turn: until its
 * tasks run elsewhere, and until they answer there. Beside it how often a task was replaced that
 * had lost nothing.
 */
import { textAt } from "@skein/cli/api/read";
import { send } from "../../test/failures/support/load.ts";
import type { LocalNode } from "../../test/support/local-cluster.ts";
import { LocalCluster } from "../../test/support/local-cluster.ts";
import { pause, until } from "../../test/support/wait.ts";
import { report, reportTimes } from "./report.ts";

const PORT = 18_081;
const REPLICAS = 3;
const LIMIT_MS = 30_000;

interface Times {
  readonly running: number[];
  readonly served: number[];
}

export async function benchFailover(kills: number): Promise<void> {
  const cluster = new LocalCluster("bench");
  const times = { agent: newTimes(), machine: newTimes() };
  let falseFailovers = 0;
  try {
    await cluster.up(3, 5);
    const program = ["node", "examples/hello/server.js"];
    const what = ["--replicas", `${REPLICAS}`, "-p", `${PORT}:3000`, "--", ...program];
    await cluster.skein("run", "--name", "web", ...what);
    for (let round = 0; round < kills; round += 1) {
      const kind = round % 2 === 0 ? "agent" : "machine";
      falseFailovers += await lose(cluster, kind, times[kind]);
    }
  } finally {
    await cluster.down();
  }
  const all = (what: keyof Times): number[] => [...times.agent[what], ...times.machine[what]];
  reportTimes("failover", "worker killed -> tasks running elsewhere", all("running"));
  reportTimes("failover", "worker killed -> tasks answer elsewhere", all("served"));
  for (const kind of ["agent", "machine"] as const) {
    const name = kind === "agent" ? "its process alone" : "with its tasks";
    reportTimes("failover", `worker killed, ${name} -> tasks answer elsewhere`, times[kind].served);
  }
  const name = "tasks of other nodes replaced meanwhile";
  const base = { bench: "failover", case: name, unit: "times", better: "lower" } as const;
  report({ ...base, ours: falseFailovers, samples: kills, peer: null });
}

function newTimes(): Times {
  return { running: [], served: [] };
}

/** Gives the number of tasks elsewhere that were replaced though nothing happened to them. */
async function lose(
  cluster: LocalCluster,
  kind: "agent" | "machine",
  times: Times,
): Promise<number> {
  const victim = await nodeWithTask(cluster);
  const kept = await idsOf(cluster, victim);
  const tasks = kind === "machine" ? cluster.taskPids(victim) : [];
  const since = performance.now();
  process.kill(victim.pids.worker ?? 0, "SIGKILL");
  for (const pid of tasks) kill(pid);
  const now = await until(LIMIT_MS, "tasks run elsewhere", async () => {
    const ids = await idsOf(cluster, victim);
    return ids.length >= REPLICAS && ids;
  });
  times.running.push(Math.round(performance.now() - since));
  const fresh = now.filter((id) => !kept.includes(id));
  await until(LIMIT_MS, "tasks answer elsewhere", () => allAnswer(fresh));
  times.served.push(Math.round(performance.now() - since));
  await cluster.skein("start", victim.name);
  await pause(1000);
  const after = await idsOf(cluster);
  return kept.filter((id) => !after.includes(id)).length;
}

async function allAnswer(ids: readonly string[]): Promise<boolean> {
  const sent = await Promise.all(Array.from({ length: 6 }, () => send("127.0.0.1", PORT)));
  const answered = new Set(sent.map(({ taskId }) => taskId));
  return ids.every((id) => answered.has(id));
}

/** Running tasks, without those of a node. */
async function idsOf(cluster: LocalCluster, except?: LocalNode): Promise<readonly string[]> {
  return (await cluster.running("web", except?.id)).map((task) => textAt(task, "ID"));
}

/** A node with tasks, once all of them run. */
function nodeWithTask(cluster: LocalCluster): Promise<LocalNode> {
  return until(LIMIT_MS, "all tasks run", async () => {
    const tasks = await cluster.running("web");
    const node = cluster.nodes().find((one) => one.id === textAt(tasks[0], "NodeID"));
    return tasks.length === REPLICAS && node?.pids.worker !== undefined && node;
  });
}

/** Its task may have ended by itself. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}
