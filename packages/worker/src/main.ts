/**
 * `skein-worker --state-dir DIR [--keep-tasks] [--api-socket PATH] [--ready-file PATH]`: runs the
 * node whose `node.json` and `identity/` lie in DIR, composed of the real adapters. Where there is
 * none yet, it serves the Engine API until `swarm init` or `swarm join` makes this machine a node,
 * and again after `swarm leave`. On real machines it starts the manager process beside it, too.
 *
 * Ends:
 *   SIGTERM, or `stop` from the launcher   planned: its tasks are drained and stopped, then it
 *   goes. the same with `--keep-tasks`, or `stop` with `keepTasks`
 *                                          planned: tasks run on, the next worker adopts them.
 *   kill -9, a crash, a broken database    the tasks run on, the next worker adopts them.
 *   the launcher's death                   nothing ends: the channel just closes.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import os from "node:os";
import { resolve as absolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Accept } from "@skein/common/io/network";
import { createFileDisk } from "@skein/common/node/file-disk";
import type { UnixServer } from "@skein/common/node/http-server";
import { serveUnix } from "@skein/common/node/http-server";
import { jsonLog } from "@skein/common/node/json-log";
import { lockDirectory } from "@skein/common/node/lock-file";
import { joinMetricsTexts } from "@skein/common/node/metrics";
import { systemRandom } from "@skein/common/node/system-random";
import type { TrustNotice } from "@skein/common/wire/dispatch-messages";
import type { ToLauncher } from "@skein/common/wire/local-messages";
import { fromLauncherSchema } from "@skein/common/wire/local-messages";
import { decodeWith } from "@skein/common/wire/schema";
import { ENTER_MS_MAX, RETURN_WITHIN_MS } from "./limits.ts";
import { TASKS_DIRECTORY } from "./logs/log-files.ts";
import type { Adapters } from "./shell/adapters.ts";
import { makeAdapters, StartError, taskDefaults } from "./shell/adapters.ts";
import { createWorkerApi } from "./shell/api.ts";
import { ContainerApi } from "./shell/containers/container-api.ts";
import { createTunnel } from "./shell/containers/tunnel.ts";
import { describeNode } from "./shell/describe-node.ts";
import type { Home } from "./shell/enter-cluster.ts";
import { forgetCluster } from "./shell/enter-cluster.ts";
import { RoleFollower } from "./shell/follow-role.ts";
import { IdentityKeeper } from "./shell/identity-keeper.ts";
import { keepLogs } from "./shell/keep-logs.ts";
import type { Entered } from "./shell/lobby.ts";
import { Lobby } from "./shell/lobby.ts";
import type { Worker } from "./shell/worker.ts";
import { createWorker } from "./shell/worker.ts";

/** A node that runs: what signals, the launcher and the API act on. */
interface Running {
  readonly adapters: Adapters;
  readonly worker: Worker;
  readonly containers: ContainerApi;
  readonly keeper: IdentityKeeper;
  readonly manager: RoleFollower;
  api: UnixServer | undefined;
  isEnding: boolean;
  /** The node left its cluster: `main` goes on. */
  readonly left: (answered: (() => void) | undefined) => void;
}

const PROGRAM = fileURLToPath(import.meta.url);
const stateDir = absolute(option("--state-dir"));
const keepTasks = process.argv.includes("--keep-tasks");
let log: ReturnType<typeof jsonLog> | undefined;
let running: Running | undefined;
main().catch((error: unknown) => stop(error instanceof Error ? error.message : String(error)));

async function main(): Promise<void> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(stateDir);
  if (!lock.ok) throw new StartError(`Cannot start worker: ${lock.error.message}`);
  containBugs();
  listenToLauncher();
  /** Told when the next server listens: the answer to `leave` is worth nothing before. */
  let answered: (() => void) | undefined;
  for (;;) {
    const isNode = existsSync(join(stateDir, "node.json"));
    const entered = isNode ? undefined : await waitInLobby(answered);
    try {
      answered = await runNode(entered);
    } catch (error) {
      if (entered === undefined) throw error;
      forgetCluster(homeOf());
      const reason = error instanceof Error ? error.message : String(error);
      entered.answer(reason);
      // The sockets of a half-started node are not worth taking apart: begin anew.
      throw new StartError(`${reason}: nothing was kept of the cluster`);
    }
  }
}

/** Serves the API of a machine in no cluster until it has entered one. */
async function waitInLobby(answered: (() => void) | undefined): Promise<Entered> {
  const home = homeOf();
  log = jsonLog({ node: home.name, role: "worker", level: "info" });
  let entered: (value: Entered) => void = () => undefined;
  const wait = new Promise<Entered>((resolve) => {
    entered = resolve;
  });
  const lobby = new Lobby(home, (value) => entered(value));
  const server = await serveUnix({ path: home.apiSocket, handler: lobby.handler });
  if (!server.ok) throw new StartError(`Cannot start worker: ${server.error.reason}`);
  log.write("info", "ready", { api: home.apiSocket, cluster: null });
  announce();
  answered?.();
  const { config, answer } = await wait;
  const closing = (error: string | undefined): void => {
    answer(error);
    setTimeout(() => void server.value.close(), 100).unref();
  };
  return { config, answer: closing };
}

function homeOf(): Home {
  return {
    stateDir,
    apiSocket: absolute(optionOr("--api-socket", join(stateDir, "skein.sock"))),
    name: optionOr("--name", os.hostname()),
    controlPort: Number(optionOr("--control-port", "7946")),
    dataPort: Number(optionOr("--data-port", "4789")),
    defaultDirectory: optionOr("--task-directory", process.env["HOME"] ?? "/"),
  };
}

/** Resolves when the node has left its cluster; with whom to tell. */
async function runNode(entered: Entered | undefined): Promise<(() => void) | undefined> {
  const adapters = makeAdapters({ directory: stateDir, entry: import.meta.url, stop });
  log = adapters.log;
  let left: Running["left"] = () => undefined;
  const whenLeft = new Promise<(() => void) | undefined>((resolve) => {
    left = resolve;
  });
  const keeper = makeKeeper(adapters);
  const tunnel = createTunnel();
  const worker = makeWorker(adapters, keeper, tunnel.accept);
  const containers = new ContainerApi({
    ...adapters,
    worker,
    gossip: () => worker.gossip(),
    metricsText: () => metricsText(adapters, worker),
    defaults: taskDefaults(adapters.config, import.meta.url),
    bug: noteBug,
  });
  tunnel.serve(containers);
  const manager = new RoleFollower({
    stateDir,
    log: adapters.log,
    leave: () => void leaveCluster(),
    serve: (isWorker) => serveApi(isWorker),
  });
  const services = { worker, containers, keeper, manager };
  running = { adapters, ...services, api: undefined, isEnding: false, left };
  const managing = manager.begin(adapters.config);
  await started(worker, adapters);
  const failed = await managing;
  if (failed !== undefined) throw new StartError(failed);
  await serveApi(adapters.config.role === "worker");
  keepLogs({ ...adapters, directory: join(stateDir, TASKS_DIRECTORY) }, worker);
  if (entered !== undefined) {
    await connected(worker);
    entered.answer(undefined);
  }
  adapters.log.write("info", "ready", { address: adapters.config.address });
  announce();
  return whenLeft;
}

/** Ready for who waits: the launcher's channel, and a file for who has none. */
function announce(): void {
  tell({ kind: "ready" });
  const path = optionOr("--ready-file", "");
  if (path !== "") writeFileSync(path, `${process.pid}\n`);
}

/** In touch with a leader, or as long as anyone waits for that. */
async function connected(worker: Worker): Promise<void> {
  const until = performance.now() + ENTER_MS_MAX;
  while (!worker.facts().connected && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Renews the certificate, and passes it on to whoever uses it. */
function makeKeeper(adapters: Adapters): IdentityKeeper {
  const { config, network, dataPlane } = adapters;
  return new IdentityKeeper({
    ...adapters,
    directory: join(stateDir, "identity"),
    address: config.address,
    random: systemRandom(),
    managers: () => {
      const known = running?.worker.facts().managers ?? [];
      return known.length === 0 ? config.managers : known;
    },
    changed: (identity, isOther) => {
      network.setIdentity(identity);
      dataPlane.post({ kind: "identity" });
      running?.worker.identityChanged(isOther);
      running?.manager.follow(identity.role);
    },
  });
}

function told(adapters: Adapters, keeper: IdentityKeeper, notice: TrustNotice): void {
  adapters.network.setStanding({ removed: new Set(notice.removed), demoted: new Set() });
  adapters.dataPlane.post({ kind: "removed", nodes: notice.removed });
  keeper.told(notice);
}

function makeWorker(adapters: Adapters, keeper: IdentityKeeper, tunnel: Accept): Worker {
  const { config } = adapters;
  return createWorker({
    ...adapters,
    random: systemRandom(),
    disk: createFileDisk(stateDir),
    describe: () => ({ ...describeNode(config, adapters.cgroups.kinds()), tls: keeper.tls() }),
    taskDefaults: taskDefaults(config, import.meta.url),
    extraPaths: { "/node": tunnel },
    fatal: (reason) => stop(`Cannot go on: ${reason}`),
    trusted: (notice) => told(adapters, keeper, notice),
    published: (ports) => tell({ kind: "published", ports: [...ports] }),
  });
}

async function started(worker: Worker, { dataPlane }: Adapters): Promise<void> {
  const served = new Promise<string | undefined>((resolve) => worker.start(resolve));
  for (const error of await Promise.all([served, dataPlane.ready])) {
    if (error !== undefined) throw new StartError(`Cannot start worker: ${error}`);
  }
}

async function metricsText({ metrics, dataPlane }: Adapters, worker: Worker): Promise<string> {
  worker.report();
  return joinMetricsTexts([metrics.text(), await dataPlane.metrics()]);
}

/** A manager process serves the node's socket where there is one. */
async function serveApi(isWorker: boolean): Promise<void> {
  const node = running;
  if (node === undefined || node.isEnding) return;
  if (!isWorker) {
    const former = node.api;
    node.api = undefined;
    return former?.close();
  }
  const { adapters, worker, containers } = node;
  const { config } = adapters;
  const handler = createWorkerApi({
    config,
    containers,
    facts: () => worker.facts(),
    metricsText: () => metricsText(adapters, worker),
    leave: config.local ? undefined : () => leaveCluster(),
    bug: noteBug,
  });
  const server = await serveUnix({
    path: config.apiSocket,
    handler,
    onUpgrade: containers.upgrade,
  });
  if (!server.ok) throw new StartError(`Cannot start worker: ${server.error.reason}`);
  node.api = server.value;
}

/** Resolves when this machine is in no cluster any more, and says so on its socket. */
async function leaveCluster(): Promise<void> {
  const node = running;
  if (node === undefined || node.isEnding) return;
  await endNode(node, { reason: "leaving the swarm", keep: false });
  running = undefined;
  forgetCluster(homeOf());
  await new Promise<void>((resolve) => node.left(resolve));
  // Whoever asked is answered on the old server's connection.
  setTimeout(() => void node.api?.close(), 100).unref();
}

/** Also where no node runs: a machine in no cluster ends at once. */
function end(reason: string, keep: boolean): void {
  const node = running;
  if (node === undefined) {
    if (existsSync(join(stateDir, "node.json"))) process.exit(1);
    rmSync(homeOf().apiSocket, { force: true });
    process.exit(0);
  }
  if (node.isEnding) return;
  void endNode(node, { reason, keep }).then(async () => {
    await Promise.allSettled([node.api?.close()]);
    process.exit(0);
  });
}

async function endNode(
  node: Running,
  { reason, keep }: { readonly reason: string; readonly keep: boolean },
): Promise<void> {
  const { adapters, worker, keeper, manager } = node;
  node.isEnding = true;
  adapters.log.write("info", "stopping", { reason, keepTasks: keep });
  keeper.close();
  await new Promise<void>((resolve) =>
    worker.leave({ keepTasks: keep, backWithinMs: keep ? RETURN_WITHIN_MS : 0 }, resolve),
  );
  // After the tasks: the leader, perhaps this very one, is told how they ended.
  await manager.stop();
  worker.close();
  adapters.engine.close();
  adapters.network.close("this worker is stopping");
  await Promise.allSettled([adapters.dataPlane.close()]);
}

function listenToLauncher(): void {
  process.on("SIGTERM", () => end("SIGTERM", keepTasks));
  process.on("SIGINT", () => end("SIGINT", keepTasks));
  // The launcher's death is not ours.
  process.on("disconnect", () => undefined);
  process.on("message", (raw, handle) => {
    const adapters = running?.adapters;
    if (adapters === undefined) return;
    const message = decodeWith(fromLauncherSchema, raw);
    if (!message.ok)
      return adapters.metrics.count("skein_frames_refused_total", 1, { path: "ipc" });
    switch (message.value.kind) {
      case "port":
        return takePort(adapters, message.value.publishedPort, handle);
      case "port-failed":
        return adapters.log.write("warn", "127.0.0.1 not served", message.value);
      case "cut":
        adapters.network.setCut(message.value.addresses, message.value.deafTo);
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

/** A bug of a handler must not end the tasks' agent: it is logged and counted. */
function containBugs(): void {
  process.on("uncaughtException", noteBug);
  process.on("unhandledRejection", noteBug);
}

function noteBug(error: unknown): void {
  running?.adapters.metrics.count("skein_bugs_total");
  log?.write("error", "bug", { stack: error instanceof Error ? error.stack : String(error) });
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

function optionOr(name: string, otherwise: string): string {
  const value = process.argv[process.argv.indexOf(name) + 1];
  return process.argv.includes(name) && value !== undefined ? value : otherwise;
}
