/**
 * Recovery of real processes, `kill -9` each time: the leader, a worker's process, a whole machine,
 * a task. The clock starts at the kill and stops when the user is served again.
 */
import { at, numberAt, textAt } from "@skein/cli/api/read";
import { send } from "../../test/failures/support/load.ts";
import type { LocalNode } from "../../test/support/local-cluster.ts";
import { LocalCluster } from "../../test/support/local-cluster.ts";
import { pause, timeUntil } from "../../test/support/wait.ts";
import { reportTimes } from "./report.ts";

const PORT = 18_080;

export async function benchRecovery(rounds: number): Promise<void> {
  const cluster = new LocalCluster("bench");
  try {
    await cluster.up(3, 5);
    const program = ["node", "examples/hello/server.js"];
    const publish = ["-p", `${PORT}:3000`];
    await cluster.skein("run", "--name", "web", "--replicas", "3", ...publish, "--", ...program);
    reportTimes("recovery", "leader killed -> write accepted", await leaderKills(cluster, rounds));
    const kinds = ["agent", "machine"] as const;
    for (const kind of kinds) {
      const times = await workerKills(cluster, kind, rounds);
      reportTimes("recovery", `worker killed (${kind}) -> 3 tasks in rotation elsewhere`, times);
    }
    reportTimes("recovery", "task killed -> replacement running", await taskKills(cluster, rounds));
  } finally {
    await cluster.down();
  }
}

export async function leaderKills(cluster: LocalCluster, rounds: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const leader = await cluster.leader();
    const survivor = cluster.managers().find((node) => node.id !== leader.id);
    process.kill(leader.pids.manager ?? 0, "SIGKILL");
    let attempt = 0;
    const write = async (): Promise<boolean> => {
      attempt += 1;
      return (await cluster.writeConfig(`leader-${round}-${attempt}`, survivor)).status === 201;
    };
    times.push(await timeUntil(20_000, "a write", write));
    await cluster.skein("start", leader.name);
    await pause(1000);
  }
  return times;
}

/** A worker's process, or its machine with the tasks; then three tasks elsewhere that answer. */
async function workerKills(
  cluster: LocalCluster,
  kind: "agent" | "machine",
  rounds: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const victim = await nodeWithTask(cluster);
    const before = new Set((await cluster.running("web", victim.id)).map((t) => textAt(t, "ID")));
    if (kind === "agent") process.kill(victim.pids.worker ?? 0, "SIGKILL");
    else await cluster.skein("kill", victim.name);
    times.push(
      await timeUntil(20_000, "served elsewhere", () => servedElsewhere(cluster, victim, before)),
    );
    await cluster.skein("start", victim.name);
    await pause(1000);
  }
  return times;
}

/** Three tasks run on other nodes, and each new one among them answers at the published port. */
async function servedElsewhere(
  cluster: LocalCluster,
  victim: LocalNode,
  before: ReadonlySet<string>,
): Promise<boolean> {
  const tasks = await cluster.running("web", victim.id);
  if (tasks.length < 3) return false;
  const fresh = tasks.map((task) => textAt(task, "ID")).filter((id) => !before.has(id));
  const sent = await Promise.all(Array.from({ length: 6 }, () => send("127.0.0.1", PORT)));
  const answered = new Set(sent.map(({ taskId }) => taskId));
  return fresh.every((id) => answered.has(id));
}

async function taskKills(cluster: LocalCluster, rounds: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // Long enough that a new failure is a first one again.
    await pause(11_000);
    const [task] = await cluster.running("web");
    const slot = numberAt(task, "Slot");
    process.kill(-numberAt(task, "Status", "ContainerStatus", "PID"), "SIGKILL");
    const replaced = async (): Promise<boolean> => {
      const tasks = await cluster.running("web");
      const current = tasks.find((one) => numberAt(one, "Slot") === slot);
      return current !== undefined && at(current, "ID") !== at(task, "ID");
    };
    times.push(await timeUntil(20_000, "replaced", replaced));
  }
  return times;
}

async function nodeWithTask(cluster: LocalCluster): Promise<LocalNode> {
  for (;;) {
    const tasks = await cluster.running("web");
    const node = cluster.nodes().find((one) => one.id === textAt(tasks[0], "NodeID"));
    if (tasks.length === 3 && node?.pids.worker !== undefined) return node;
    await pause(50);
  }
}
