/**
 * `skein-worker --state-dir DIR [--keep-tasks]`: reads `DIR/node.json` and `DIR/identity/`,
 * composes a worker of the real adapters and serves.
 *
 * Ends:
 *   SIGTERM, or `stop` from the launcher   planned: its tasks are drained and stopped, then it
 *   goes. the same with `--keep-tasks`, or `stop` with `keepTasks`
 *                                          planned: tasks run on, the next worker adopts them.
 *   kill -9, a crash, a broken database    the tasks run on, the next worker adopts them.
 *   the launcher's death                   nothing ends: the channel just closes.
 */
import { readFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Accept } from "@skein/common/io/network";
import { keptBytes } from "@skein/common/model/log-options";
import type { NodeConfig } from "@skein/common/model/node-config";
import { nodeConfigSchema } from "@skein/common/model/node-config";
import { createFileDisk } from "@skein/common/node/file-disk";
import type { StreamServer, UnixServer } from "@skein/common/node/http-server";
import { serveStreams, serveUnix } from "@skein/common/node/http-server";
import { readIdentity } from "@skein/common/node/identity";
import type { JsonLog } from "@skein/common/node/json-log";
import { jsonLog } from "@skein/common/node/json-log";
import { linkDuplex } from "@skein/common/node/link-duplex";
import { lockDirectory } from "@skein/common/node/lock-file";
import type { MetricsRegistry } from "@skein/common/node/metrics";
import { createMetrics } from "@skein/common/node/metrics";
import { addProcessMetrics } from "@skein/common/node/process-metrics";
import { systemClock, watchLoopLag } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import type { TlsNetwork } from "@skein/common/node/tls-network";
import { createTlsNetwork } from "@skein/common/node/tls-network";
import type { ToLauncher } from "@skein/common/wire/local-messages";
import { fromLauncherSchema } from "@skein/common/wire/local-messages";
import { decodeWith } from "@skein/common/wire/schema";
import type { TaskDefaults } from "./agent/run-spec.ts";
import { dnsPort } from "./dns/shell/port.ts";
import { Cgroups } from "./engine/process-cgroup.ts";
import type { ProcessEngine } from "./engine/process-engine.ts";
import { createProcessEngine } from "./engine/process-engine.ts";
import { RETURN_WITHIN_MS } from "./limits.ts";
import { TASKS_DIRECTORY } from "./logs/log-files.ts";
import type { KeptTask } from "./logs/shell/log-keeper.ts";
import { LogKeeper } from "./logs/shell/log-keeper.ts";
import { createWorkerApi } from "./shell/api.ts";
import { ContainerApi } from "./shell/containers/container-api.ts";
import type { DataPlaneThread } from "./shell/data-plane-thread.ts";
import { startDataPlane } from "./shell/data-plane-thread.ts";
import { describeNode } from "./shell/describe-node.ts";
import { mergeMetrics } from "./shell/merge-metrics.ts";
import type { Worker } from "./shell/worker.ts";
import { createWorker } from "./shell/worker.ts";

/** Ends the process with a line a person can read. */
class StartError extends Error {
  override readonly name = "StartError";
}

interface Adapters {
  readonly config: NodeConfig;
  readonly clock: ReturnType<typeof systemClock>;
  readonly log: JsonLog;
  readonly metrics: MetricsRegistry;
  readonly network: TlsNetwork;
  readonly engine: ProcessEngine;
  readonly cgroups: Cgroups;
  readonly dataPlane: DataPlaneThread;
}

/** The only variables of its own that an agent passes on. */
const PASSED_ON = ["PATH", "HOME", "USER", "LANG"] as const;

const PROGRAM = fileURLToPath(import.meta.url);
const stateDir = option("--state-dir");
const keepTasks = process.argv.includes("--keep-tasks");
let log: JsonLog | undefined;
main().catch((error: unknown) => stop(error instanceof Error ? error.message : String(error)));

async function main(): Promise<void> {
  const lock = lockDirectory(stateDir);
  if (!lock.ok) throw new StartError(`Cannot start worker: ${lock.error.message}`);
  const adapters = makeAdapters(stateDir);
  log = adapters.log;
  containBugs(adapters);
  const tunnel = createTunnel();
  const worker = makeWorker(adapters, tunnel.accept);
  const containers = makeContainerApi(adapters, worker);
  tunnel.serve(containers);
  await started(worker, adapters);
  const api = await serveApi(adapters, { worker, containers });
  keepLogs(adapters, worker);
  adapters.log.write("info", "ready", { address: adapters.config.address });
  tell({ kind: "ready" });
  listenToLauncher(adapters, worker, api);
}

function makeAdapters(directory: string): Adapters {
  const config = readConfig(directory);
  const identityDirectory = join(directory, "identity");
  const identity = readIdentity(identityDirectory);
  if (!identity.ok) throw new StartError(`Cannot start worker: ${identity.error.reason}`);
  const clock = systemClock();
  const metrics = createMetrics({ labels: { process: "worker", node: config.name } });
  const journal = jsonLog({ node: config.name, role: "worker", level: "info" });
  addProcessMetrics(metrics);
  watchLoopLag(metrics);
  const host = config.address;
  const cgroups = new Cgroups(`skein-${config.nodeId}`);
  return {
    config,
    clock,
    log: journal,
    metrics,
    network: createTlsNetwork({ identity: identity.value, clock, log: journal, metrics, host }),
    engine: createProcessEngine({
      directory: join(directory, TASKS_DIRECTORY),
      clock,
      log: journal,
      cgroups,
    }),
    cgroups,
    dataPlane: startDataPlane({
      entry: new URL("./dataplane-thread.mjs", import.meta.url),
      config,
      identityDirectory,
      died: (reason) => stop(`Cannot go on: the data plane ended: ${reason}`),
    }),
  };
}

function readConfig(directory: string): NodeConfig {
  const path = join(directory, "node.json");
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new StartError(`Cannot start worker: ${path}: ${String(error)}`);
  }
  const config = decodeWith(nodeConfigSchema, content);
  if (config.ok) return config.value;
  throw new StartError(`Cannot start worker: ${path}: ${config.error.reason}`);
}

/** `/node`: requests about this node's containers that clients made to a manager. */
function createTunnel(): {
  readonly accept: Accept;
  serve(containers: ContainerApi): void;
} {
  let server: StreamServer | undefined;
  return {
    serve: ({ handler, upgrade }) => {
      server = serveStreams({ handler, onUpgrade: upgrade });
    },
    accept: (peer) => {
      if (peer.role !== "manager") return "only managers ask about containers";
      if (server === undefined) return "this worker is starting";
      const { stream, receiver } = linkDuplex();
      stream.on("error", () => undefined);
      server.accept(stream);
      return receiver;
    },
  };
}

/** Bounds the output of what runs; it ends with the process. */
function keepLogs(adapters: Adapters, worker: Worker): void {
  const keeper = new LogKeeper({
    ...adapters,
    directory: join(stateDir, TASKS_DIRECTORY),
    tasks: () =>
      worker
        .tasks()
        .filter((task) => !task.isTerminal())
        .map((task) => keptTask(task)),
  });
  keeper.start();
}

function keptTask(task: ReturnType<Worker["tasks"]>[number]): KeptTask {
  const { taskId } = task;
  const keepBytes = keptBytes(task.assignment()?.spec.log?.options ?? {});
  return keepBytes === undefined ? { taskId } : { taskId, keepBytes };
}

function makeContainerApi(adapters: Adapters, worker: Worker): ContainerApi {
  const { config } = adapters;
  return new ContainerApi({
    ...adapters,
    worker,
    gossip: () => worker.gossip(),
    defaults: taskDefaults(config),
    bug: (error) => noteBug(adapters, error),
  });
}

function makeWorker(adapters: Adapters, tunnel: Accept): Worker {
  const { config } = adapters;
  return createWorker({
    ...adapters,
    random: systemRandom(),
    disk: createFileDisk(stateDir),
    describe: () => describeNode(config, adapters.cgroups.kinds()),
    taskDefaults: taskDefaults(config),
    fatal: (reason) => stop(`Cannot go on: ${reason}`),
    published: (ports) => tell({ kind: "published", ports: [...ports] }),
    extraPaths: { "/node": tunnel },
  });
}

function taskDefaults(config: NodeConfig): TaskDefaults {
  const env: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  // Beside `src/` and beside the bundle's `dist/` alike.
  const preload = fileURLToPath(new URL("../preload/listen.cjs", import.meta.url));
  const { defaultDirectory } = config;
  return {
    env,
    preload,
    dns: `${config.address}:${dnsPort()}`,
    ...(defaultDirectory === undefined ? {} : { directory: defaultDirectory }),
  };
}

async function started(worker: Worker, { dataPlane }: Adapters): Promise<void> {
  const served = new Promise<string | undefined>((resolve) => worker.start(resolve));
  for (const error of await Promise.all([served, dataPlane.ready])) {
    if (error !== undefined) throw new StartError(`Cannot start worker: ${error}`);
  }
}

/** A manager process serves the node's socket where there is one. */
async function serveApi(
  adapters: Adapters,
  { worker, containers }: { readonly worker: Worker; readonly containers: ContainerApi },
): Promise<UnixServer | undefined> {
  const { config, metrics, dataPlane } = adapters;
  if (config.role !== "worker") return undefined;
  const handler = createWorkerApi({
    config,
    containers,
    facts: () => worker.facts(),
    metricsText: async () => {
      worker.report();
      return mergeMetrics([metrics.text(), await dataPlane.metrics()]);
    },
    bug: (error) => noteBug(adapters, error),
  });
  const server = await serveUnix({
    path: config.apiSocket,
    handler,
    onUpgrade: containers.upgrade,
  });
  if (!server.ok) throw new StartError(`Cannot start worker: ${server.error.reason}`);
  return server.value;
}

function listenToLauncher(adapters: Adapters, worker: Worker, api: UnixServer | undefined): void {
  const end = endOnce(adapters, worker, api);
  process.on("SIGTERM", () => end("SIGTERM", keepTasks));
  process.on("SIGINT", () => end("SIGINT", keepTasks));
  // The launcher's death is not ours.
  process.on("disconnect", () => undefined);
  process.on("message", (raw, handle) => {
    const message = decodeWith(fromLauncherSchema, raw);
    if (!message.ok)
      return adapters.metrics.count("skein_frames_refused_total", 1, { path: "ipc" });
    switch (message.value.kind) {
      case "port":
        return takePort(adapters, message.value.publishedPort, handle);
      case "port-failed":
        return adapters.log.write("warn", "127.0.0.1 not served", message.value);
      case "cut":
        adapters.network.setCut(message.value.addresses);
        return adapters.dataPlane.post(message.value);
      case "stop":
        return end(message.value.reason, keepTasks || message.value.keepTasks === true);
    }
  });
}

/**
 * Handles of sockets handed over. The data plane's thread uses their descriptors and closes them; a
 * handle collected here would close a number that may be another file's by then, so they are kept
 * for good.
 */
const handed: unknown[] = [];

function takePort(adapters: Adapters, publishedPort: number, handle: unknown): void {
  handed.push(handle);
  // A raw TCP handle: Node's types know servers and sockets only.
  const fd = (handle as (Server & { readonly fd?: number }) | undefined)?.fd;
  if (fd === undefined || fd < 0) {
    adapters.log.write("warn", "a handed port came without its socket", { port: publishedPort });
    return;
  }
  adapters.dataPlane.post({ kind: "handed-port", publishedPort, fd });
}

function endOnce(adapters: Adapters, worker: Worker, api: UnixServer | undefined) {
  let ending = false;
  return (reason: string, keep: boolean): void => {
    if (ending) return;
    ending = true;
    adapters.log.write("info", "stopping", { reason, keepTasks: keep });
    worker.leave({ keepTasks: keep, backWithinMs: keep ? RETURN_WITHIN_MS : 0 }, () => {
      worker.close();
      adapters.engine.close();
      adapters.network.close("this worker is stopping");
      void Promise.allSettled([api?.close(), adapters.dataPlane.close()]).then(() =>
        process.exit(0),
      );
    });
  };
}

/** A bug of a handler must not end the tasks' agent: it is logged and counted. */
function containBugs(adapters: Adapters): void {
  process.on("uncaughtException", (error) => noteBug(adapters, error));
  process.on("unhandledRejection", (error) => noteBug(adapters, error));
}

function noteBug({ log: journal, metrics }: Adapters, error: unknown): void {
  metrics.count("skein_bugs_total");
  journal.write("error", "bug", { stack: error instanceof Error ? error.stack : String(error) });
}

function tell(message: ToLauncher): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

function stop(reason: string): never {
  log?.write("error", "stopped", { reason, program: PROGRAM });
  process.stderr.write(`${reason}\n`);
  tell({ kind: "failed", error: reason });
  process.exit(1);
}

function option(name: string): string {
  const value = process.argv[process.argv.indexOf(name) + 1];
  if (process.argv.includes(name) && value !== undefined) return value;
  process.stderr.write(`Cannot start worker: ${name} is missing\n`);
  process.exit(2);
}
