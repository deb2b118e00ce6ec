/** `skein demo`: a web service with three replicas, requests against it, and a leader and a worker killed. */
import { existsSync } from "node:fs";
import { get } from "node:http";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import { at, numberAt, textAt } from "../api/read.ts";
import { readClusterFile } from "../local/cluster-file.ts";
import { call, client, list, tasksOf } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, colours, localStateDirectory, print, printJson } from "./context.ts";
import { converge } from "./converge.ts";
import { createSpec } from "./service-spec.ts";

const SERVICE = "demo";
const PORT = 8800;

export function addDemo(program: Command): void {
  program
    .command("demo")
    .description("Run a web service, kill the leader and a worker, and count failed requests")
    .action((_flags: unknown, command: Command) => demo(command.optsWithGlobals<GlobalOptions>()));
}

interface Load {
  readonly stop: () => Promise<void>;
  readonly counts: { done: number; failed: number };
}

async function demo(flags: GlobalOptions): Promise<void> {
  const api = await client(flags, "run the demo");
  const say = (line: string): void => {
    if (flags.json !== true) print(line);
  };
  await call(api, { method: "DELETE", path: `/services/${SERVICE}` }, "clean up").catch(() => null);
  say(`${colours.bold("1.")} Three replicas of examples/hello on port ${PORT} …`);
  await deploy(api);
  say(`   ${(await fetchOnce()).trim().split("\n")[0] ?? ""}`);
  const load = startLoad();
  say(`${colours.bold("2.")} 20 requests a second to 127.0.0.1:${PORT}; killing the leader …`);
  const leaderMs = await killLeader(flags, api);
  say(`   a new leader answered a write ${leaderMs} ms after kill -9`);
  say(`${colours.bold("3.")} Killing a worker that runs a replica …`);
  const workerMs = await killWorker(flags, api);
  say(`   three replicas ran again after ${workerMs} ms, on other nodes`);
  await load.stop();
  const { done, failed } = load.counts;
  const verdict = failed === 0 ? colours.green("0 failed") : colours.red(`${failed} failed`);
  say(`${colours.bold("4.")} ${done} requests, ${verdict}.`);
  say("");
  say(colours.dim("The killed nodes stay dead: skein status; skein start <node>"));
  say(colours.dim(`Remove the service: skein service rm ${SERVICE}`));
  if (flags.json === true) printJson({ leaderMs, workerMs, requests: done, failed });
}

async function deploy(api: ApiClient): Promise<void> {
  const script = fileURLToPath(new URL("../../../examples/hello/server.js", import.meta.url));
  if (!existsSync(script)) throw new CommandError(`Cannot run the demo: ${script} is missing`);
  const publish = [
    { PublishedPort: PORT, TargetPort: 3000, Protocol: "tcp", PublishMode: "ingress" },
  ];
  const flags = { name: SERVICE, replicas: 3, publish, workdir: resolve(script, "..") };
  const body = createSpec([process.execPath, script], flags);
  const made = await call(api, { method: "POST", path: "/services/create", body }, "run the demo");
  const serviceId = textAt(made, "ID");
  await converge({ api, serviceId, name: SERVICE, quiet: true, timeoutMs: 30_000 });
}

async function killLeader(flags: GlobalOptions, api: ApiClient): Promise<number> {
  const nodes = await list(api, "/nodes", "find the leader");
  const leader = nodes.find((node) => at(node, "ManagerStatus", "Leader") === true);
  kill(flags, textAt(leader, "ID"), "manager");
  const since = Date.now();
  for (;;) {
    const body = { Name: `demo-${since}`, Data: "ZGVtbw==" };
    const answer = await api.call({ method: "POST", path: "/configs/create", body });
    const taken = !answer.ok && answer.error.status === 409;
    if (answer.ok || taken) {
      const path = `/configs/demo-${since}`;
      await api.call({ method: "DELETE", path });
      return Date.now() - since;
    }
    await pause(10);
  }
}

async function killWorker(flags: GlobalOptions, api: ApiClient): Promise<number> {
  const running = async (): Promise<readonly unknown[]> => {
    const tasks = await tasksOf(api, { service: SERVICE, "desired-state": "running" }, "look");
    return tasks.filter((task) => textAt(task, "Status", "State") === "running");
  };
  const victim = textAt((await running())[0], "NodeID");
  kill(flags, victim, "worker");
  const since = Date.now();
  for (;;) {
    const elsewhere = (await running()).filter((task) => textAt(task, "NodeID") !== victim);
    if (elsewhere.length === 3) return Date.now() - since;
    await pause(20);
  }
}

/** A plain `kill -9` of one process: nothing of the cluster is told. */
function kill(flags: GlobalOptions, nodeId: string, kind: "manager" | "worker"): void {
  const file = readClusterFile(localStateDirectory(flags));
  const node = file.ok ? file.value.nodes.find((one) => one.id === nodeId) : undefined;
  const pid = numberAt(node, "pids", kind);
  if (pid === 0) throw new CommandError("Cannot run the demo: it needs a local cluster (skein up)");
  process.kill(pid, "SIGKILL");
}

function startLoad(): Load {
  const counts = { done: 0, failed: 0 };
  const open = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const one = fetchOnce()
      .then(
        () => undefined,
        () => {
          counts.failed += 1;
        },
      )
      .finally(() => {
        counts.done += 1;
        open.delete(one);
      });
    open.add(one);
  }, 50);
  return {
    counts,
    stop: async () => {
      await pause(1000);
      clearInterval(timer);
      await Promise.all(open);
    },
  };
}

function fetchOnce(): Promise<string> {
  return new Promise((done, reject) => {
    const call = get({ host: "127.0.0.1", port: PORT, agent: false, timeout: 10_000 }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => {
        text += String(chunk);
      });
      answer.on("end", () => done(text));
      answer.on("error", reject);
    });
    call.on("error", reject);
    call.on("timeout", () => call.destroy(new Error("no answer in time")));
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}
