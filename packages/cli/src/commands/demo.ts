/**
 * `skein demo`: a web service, requests against it, its cluster's leader and a worker killed, all
 * back.
 */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import { listAt, textAt } from "../api/read.ts";
import { DEMO_STEP_MS, REQUEST_RETRY_PAUSE_MS } from "../limits.ts";
import type { LocalNode } from "../local/cluster-file.ts";
import { readClusterFile } from "../local/cluster-file.ts";
import { startNode } from "../local/nodes.ts";
import { livingPids } from "../local/processes.ts";
import { plural } from "../output/text.ts";
import { call, client, isLeader, list, tasksOf } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, colours, localStateDirectory, orFail, print, printJson } from "./context.ts";
import { converge } from "./converge.ts";
import { fetchOnce, startLoad } from "./demo-load.ts";
import { examples } from "./help.ts";
import { emptySpec, objectAt } from "./spec.ts";
import { port } from "./values.ts";

const SERVICE = "demo";
const REPLICAS = 3;
const WHAT = "run the demo";
const SETTLE_MS = 1500;

type DemoFlags = GlobalOptions & { readonly publish?: number };

export function addDemo(program: Command): void {
  program
    .command("demo")
    .description("Run a web service, kill the leader and a worker, count failed requests")
    .option("-p, --publish <port>", "port of the service (8800)", port)
    .addHelpText("after", examples("skein demo", "skein demo --publish 9000"))
    .action((_flags: unknown, command: Command) => demo(command.optsWithGlobals<DemoFlags>()));
}

interface Demo {
  readonly api: ApiClient;
  readonly stateDir: string;
  readonly port: number;
  readonly say: (line: string) => void;
}

async function demo(flags: DemoFlags): Promise<void> {
  const stateDir = localStateDirectory(flags, WHAT);
  const say = (line: string): void => {
    if (flags.json !== true) print(line);
  };
  const it: Demo = { api: await client(flags, WHAT), stateDir, port: flags.publish ?? 8800, say };
  const step = (number: number, text: string): void => say(`${colours.bold(`${number}.`)} ${text}`);
  checkSize(it);
  await startAll(it);
  step(1, `${REPLICAS} replicas of examples/hello on port ${it.port} of every node`);
  await deploy(it);
  say(`   curl 127.0.0.1:${it.port} answers: ${(await fetchOnce(it.port)).split("\n")[0] ?? ""}`);
  const load = startLoad(it.port);
  step(2, "20 requests a second from now on; kill -9 of the leader's manager process");
  const leader = await killLeader(it);
  say(`   ${leader.killed} killed; a new leader took a write after ${leader.ms} ms`);
  await settle();
  step(3, "kill -9 of a worker process that runs a replica");
  const worker = await killWorker(it);
  say(`   ${worker.killed} killed; ${REPLICAS} replicas run elsewhere after ${worker.ms} ms`);
  step(4, "both start again");
  await startAll(it);
  const { done, retried, failed } = await load.stop();
  const verdict = failed === 0 ? colours.green("0 failed") : colours.red(`${failed} failed`);
  say(`   ${plural(done, "request")}, ${retried} sent twice, ${verdict}`);
  say("");
  say(colours.dim(`The service stays: skein service ps ${SERVICE}; skein service rm ${SERVICE}`));
  if (flags.json === true) {
    printJson({ leaderMs: leader.ms, workerMs: worker.ms, requests: done, retried, failed });
  }
}

/** Two managers of two, or one worker, would be a demonstration of something else. */
function checkSize({ stateDir }: Demo): void {
  const nodes = localNodes(stateDir);
  const managers = nodes.filter((node) => node.role === "manager").length;
  if (managers >= 3 && nodes.length - managers >= 2) return;
  throw new CommandError(
    `Cannot ${WHAT}: it kills a manager and a worker, so it needs 3 managers and 2 workers: ` +
      "skein up --cluster demo, then skein demo --cluster demo",
  );
}

function localNodes(stateDir: string): readonly LocalNode[] {
  const file = readClusterFile(stateDir);
  if (file.ok) return file.value.nodes;
  throw new CommandError(`Cannot ${WHAT}: ${file.error.message}`);
}

/** Starts whatever an earlier run, or an experiment, has killed; waits until all are ready. */
async function startAll({ api, stateDir }: Demo): Promise<void> {
  const nodes = localNodes(stateDir);
  for (const node of nodes) {
    const processes = node.role === "manager" ? 2 : 1;
    if (livingPids(stateDir, node).length === processes) continue;
    orFail(await startNode({ stateDir, node }), `${WHAT}: start ${node.name}`);
  }
  await until("every node is ready", async () => {
    const found = await api.call({ method: "GET", path: "/nodes" });
    const ready = found.ok
      ? listAt({ all: found.value }, "all").filter((n) => textAt(n, "Status", "State") === "ready")
      : [];
    return ready.length >= nodes.length;
  });
}

async function deploy({ api, port: published }: Demo): Promise<void> {
  const script = fileURLToPath(new URL("../../../examples/hello/server.js", import.meta.url));
  if (!existsSync(script)) throw new CommandError(`Cannot ${WHAT}: ${script} is missing`);
  await removeFormer(api);
  const body = emptySpec("host", [process.execPath, script], SERVICE);
  body["Mode"] = { Replicated: { Replicas: REPLICAS } };
  objectAt(body, "TaskTemplate", "ContainerSpec")["Dir"] = dirname(script);
  objectAt(body, "EndpointSpec")["Ports"] = [
    { PublishedPort: published, TargetPort: 3000, Protocol: "tcp", PublishMode: "ingress" },
  ];
  const made = await call(api, { method: "POST", path: "/services/create", body }, WHAT);
  await converge({
    api,
    id: textAt(made, "ID"),
    name: SERVICE,
    quiet: true,
    timeoutMs: DEMO_STEP_MS,
  });
}

/** What an earlier run left, its tasks included: their port is the one that is wanted. */
async function removeFormer(api: ApiClient): Promise<void> {
  const path = `/services/${SERVICE}`;
  const former = await api.call({ method: "GET", path });
  if (!former.ok) return;
  await call(api, { method: "DELETE", path }, WHAT);
  const id = textAt(former.value, "ID");
  await until("the tasks of the former demo have ended", async () => {
    const tasks = await list(api, { path: "/tasks" }, WHAT);
    return !tasks.some((task) => textAt(task, "ServiceID") === id);
  });
}

interface Killed {
  readonly killed: string;
  readonly ms: number;
}

async function killLeader({ api, stateDir }: Demo): Promise<Killed> {
  const nodes = await list(api, { path: "/nodes" }, "find the leader");
  const killed = kill(stateDir, textAt(nodes.find(isLeader), "ID"), "manager");
  const since = performance.now();
  const name = `demo-${Math.round(since)}-${process.pid}`;
  const body = { Name: name, Data: "ZGVtbw==" };
  await until("a new leader takes a write", async () => {
    const answer = await api.call({ method: "POST", path: "/configs/create", body });
    return answer.ok || answer.error.status === 409;
  });
  const ms = Math.round(performance.now() - since);
  await api.call({ method: "DELETE", path: `/configs/${name}` });
  return { killed, ms };
}

async function killWorker({ api, stateDir }: Demo): Promise<Killed> {
  const running = async (): Promise<readonly unknown[]> => {
    const words = [`service=${SERVICE}`, "desired-state=running"];
    const tasks = await tasksOf(api, words, WHAT);
    return tasks.filter((task) => textAt(task, "Status", "State") === "running");
  };
  const victim = textAt((await running())[0], "NodeID");
  const killed = kill(stateDir, victim, "worker");
  const since = performance.now();
  await until("the replicas run elsewhere", async () => {
    const elsewhere = (await running()).filter((task) => textAt(task, "NodeID") !== victim);
    return elsewhere.length === REPLICAS;
  });
  return { killed, ms: Math.round(performance.now() - since) };
}

/** A plain `kill -9` of one process: nothing of the cluster is told. */
function kill(stateDir: string, nodeId: string, kind: "manager" | "worker"): string {
  const node = localNodes(stateDir).find((one) => one.id === nodeId);
  const pid = node?.pids[kind];
  if (node === undefined || pid === undefined) {
    throw new CommandError(`Cannot ${WHAT}: the ${kind} process to kill is not on this machine`);
  }
  process.kill(pid, "SIGKILL");
  return `${node.name} (pid ${pid})`;
}

/** A moment in which nothing is killed, so that the load shows what that looks like. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEMO_STEP_MS;
  while (!(await done())) {
    if (Date.now() > deadline) {
      const seconds = DEMO_STEP_MS / 1000;
      throw new CommandError(`Cannot ${WHAT}: not in ${seconds} s: ${what}: skein status`);
    }
    await new Promise((resolve) => setTimeout(resolve, REQUEST_RETRY_PAUSE_MS / 5));
  }
}
