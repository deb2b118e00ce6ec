/** `skein up`: makes or resumes a local cluster, and stays with it (or leaves a launcher behind). */
import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { ApiClient } from "../api/client.ts";
import { LOCAL_NODES_MAX, UP_READY_MS } from "../limits.ts";
import type { ClusterFile } from "./cluster-file.ts";
import { readClusterFile } from "./cluster-file.ts";
import type { LauncherAnswer, LauncherRequest } from "./control.ts";
import { askLauncher, serveControl } from "./control.ts";
import { createCluster, readNodeConfig, writeNodeConfig } from "./create.ts";
import type { Guard } from "./guard.ts";
import { takeIndex } from "./guard.ts";
import { Launcher } from "./launcher.ts";
import { launcherSocket, makePrivateDirectory, nodeDirectory, socketDirectory } from "./paths.ts";
import { isOurs, killTasks } from "./processes.ts";

export interface UpOptions {
  readonly stateDir: string;
  readonly name: string;
  readonly managers: number | undefined;
  readonly workers: number | undefined;
  /** Where tasks without a working directory start: the caller's directory. */
  readonly directory: string;
  readonly restartAfterMs: number | undefined;
  /** Told of every process that ends unasked. */
  readonly onExit: (line: string) => void;
}

export interface UpHandle {
  readonly file: ClusterFile;
  /** Ends everything, keeps the state. Idempotent. */
  stop(reason: string): Promise<void>;
  /** Resolves when the cluster was taken down, by whomever. */
  readonly ended: Promise<void>;
}

/** The running cluster of this state directory, if there is one. */
export function runningCluster(stateDir: string): ClusterFile | undefined {
  const file = readClusterFile(stateDir);
  if (!file.ok) return undefined;
  const alive = file.value.nodes.some((node) =>
    Object.values(node.pids).some(
      (pid) => pid !== undefined && isOurs(pid, nodeDirectory(stateDir, node.name)),
    ),
  );
  return alive ? file.value : undefined;
}

/** Starts the cluster in this process. The error is what a user reads. */
export async function startCluster(options: UpOptions): Promise<Result<UpHandle, string>> {
  const problem = checkSize(options);
  if (problem !== undefined) return fail(problem);
  makePrivateDirectory(options.stateDir);
  makePrivateDirectory(socketDirectory(options.stateDir));
  const prepared = await prepare(options);
  if (!prepared.ok) return prepared;
  const { file, guard } = prepared.value;
  const nodeIds = file.nodes.map((node) => node.id);
  // Tasks of agents that died with a former launcher: nobody will adopt what belongs to no node.
  if (runningCluster(options.stateDir) === undefined) killTasks(nodeIds);
  const launcher = new Launcher({
    stateDir: options.stateDir,
    file,
    restartAfterMs: options.restartAfterMs,
    onExit: (node, kind, how) => options.onExit(`${node.name}: its ${kind} process ended (${how})`),
  });
  const handle = await attachControl(options, launcher, guard);
  launcher.startAll();
  const failed = (await launcher.allReady(UP_READY_MS)) ?? (await nodesReady(launcher.file));
  if (failed === undefined) return ok(handle);
  await handle.stop("the cluster did not become ready");
  return fail(failed);
}

/** Starts a launcher in the background and waits until its cluster is ready. */
export async function startDetached(
  options: Pick<UpOptions, "stateDir">,
  args: readonly string[],
): Promise<Result<ClusterFile, string>> {
  makePrivateDirectory(options.stateDir);
  const logPath = join(options.stateDir, "launcher.log");
  const log = openSync(logPath, "w", 0o600);
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? "", ...args], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    env: { ...process.env, SKEIN_LAUNCHER: "1" },
  });
  const outcome = await new Promise<string | undefined>((resolve) => {
    child.on("message", (message) => resolve(message === "ready" ? undefined : String(message)));
    child.on("exit", () => resolve(readFileSync(logPath, "utf8").trim() || "the launcher ended"));
    child.on("error", (error) => resolve(error.message));
  });
  if (child.connected) child.disconnect();
  child.unref();
  if (outcome !== undefined) return fail(outcome);
  const file = readClusterFile(options.stateDir);
  return file.ok ? file : fail(file.error.message);
}

async function prepare(
  options: UpOptions,
): Promise<Result<{ readonly file: ClusterFile; readonly guard: Guard }, string>> {
  const known = readClusterFile(options.stateDir);
  if (!known.ok && known.error.code === "malformed") return fail(known.error.message);
  const wanted = known.ok ? known.value.index : undefined;
  const owner = `cluster ${options.name} of pid ${process.pid}, state in ${options.stateDir}`;
  const guard = await takeIndex(wanted, owner);
  if ("takenBy" in guard) {
    const range = wanted === undefined ? "every local address range" : `127.0.${wanted}.0/24`;
    return fail(`${range} is in use by ${guard.takenBy}: take that one down first (skein down)`);
  }
  const file = known.ok ? resume(options, known.value) : ok(await create(options, guard));
  if (file.ok) return ok({ file: file.value, guard });
  guard.close();
  return file;
}

function create(options: UpOptions, guard: Guard): Promise<ClusterFile> {
  const { stateDir, name, directory } = options;
  const managers = options.managers ?? 3;
  const workers = options.workers ?? 3;
  return createCluster({ stateDir, name, index: guard.index, managers, workers, directory });
}

/** A cluster keeps its size and identities; only the caller's directory may be another. */
function resume(options: UpOptions, file: ClusterFile): Result<ClusterFile, string> {
  for (const role of ["manager", "worker"] as const) {
    const asked = role === "manager" ? options.managers : options.workers;
    const has = file.nodes.filter((node) => node.role === role).length;
    if (asked !== undefined && asked !== has) {
      return fail(
        `the cluster in ${options.stateDir} has ${has} ${role}s, not ${asked}: ` +
          `resume it without --${role}s, or delete it first (skein down --purge)`,
      );
    }
  }
  for (const node of file.nodes) {
    const config = readNodeConfig(options.stateDir, node.name);
    if (!config.ok) return fail(config.error);
    if (config.value.clusterId !== file.clusterId) {
      return fail(
        `${nodeDirectory(options.stateDir, node.name)} belongs to another cluster ` +
          `(${config.value.clusterId}, not ${file.clusterId}): use another --state-dir`,
      );
    }
    writeNodeConfig(options.stateDir, { ...config.value, defaultDirectory: options.directory });
  }
  return ok(file);
}

function checkSize(options: UpOptions): string | undefined {
  const managers = options.managers ?? 3;
  const workers = options.workers ?? 3;
  if (managers < 1) return "a cluster needs at least one manager: use --managers 1 or more";
  if (managers + workers > LOCAL_NODES_MAX) {
    return `${managers + workers} nodes are more than the ${LOCAL_NODES_MAX} of a local cluster`;
  }
  return undefined;
}

async function attachControl(
  options: UpOptions,
  launcher: Launcher,
  guard: Guard,
): Promise<UpHandle> {
  let finish: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const path = launcherSocket(options.stateDir);
  let stopping: Promise<void> | undefined;
  const stop = (reason: string): Promise<void> => {
    stopping ??= launcher.stop(reason).then(() => {
      guard.close();
      server.close();
      rmSync(path, { force: true });
      finish();
    });
    return stopping;
  };
  const server = await serveControl(path, (request) => answer(launcher, stop, request));
  return {
    get file() {
      return launcher.file;
    },
    stop,
    ended,
  };
}

async function answer(
  launcher: Launcher,
  stop: (reason: string) => Promise<void>,
  request: LauncherRequest,
): Promise<LauncherAnswer> {
  const { nodes } = launcher.file;
  if (request.do === "down") {
    await stop("skein down");
    return { ok: true, message: "down" };
  }
  if (request.do === "start") {
    const node = nodes.find((one) => one.name === request.node);
    if (node === undefined) return { ok: false, message: `there is no node ${request.node}` };
    const started = launcher.startNode(node);
    if (started.length === 0) return { ok: true, message: `${node.name} is running already` };
    const failed = await launcher.allReady(UP_READY_MS);
    return failed === undefined
      ? { ok: true, message: `started ${started.join(" and ")} of ${node.name}` }
      : { ok: false, message: failed };
  }
  const unknown = request.groups.flat().find((name) => !nodes.some((node) => node.name === name));
  if (unknown !== undefined) return { ok: false, message: `there is no node ${unknown}` };
  launcher.cut(cuts(launcher.file, request.groups));
  return { ok: true, message: request.groups.length === 0 ? "healed" : "cut" };
}

/** For each node the addresses it no longer hears: those of every other group. */
function cuts(
  file: ClusterFile,
  groups: readonly (readonly string[])[],
): ReadonlyMap<string, readonly string[]> {
  const addressOf = new Map(file.nodes.map((node) => [node.name, node.address]));
  const cut = new Map<string, readonly string[]>();
  for (const group of groups) {
    const others = groups.filter((other) => other !== group).flat();
    const addresses = others.flatMap((name) => addressOf.get(name) ?? []);
    for (const name of group) cut.set(name, addresses);
  }
  return cut;
}

/** Undefined once the API lists every node as ready, with a leader. */
async function nodesReady(file: ClusterFile): Promise<string | undefined> {
  const client = new ApiClient(file.api);
  const deadline = Date.now() + UP_READY_MS;
  let missing = "no answer from the API";
  while (Date.now() < deadline) {
    const nodes = await client.call({ method: "GET", path: "/nodes" });
    if (!nodes.ok) missing = nodes.error.message;
    else {
      const ready = Array.isArray(nodes.value) ? nodes.value.filter(isReady).length : 0;
      if (ready === file.nodes.length) return undefined;
      missing = `${ready} of ${file.nodes.length} nodes are ready`;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return `not ready after ${UP_READY_MS / 1000} s: ${missing}`;
}

function isReady(node: unknown): boolean {
  const state: unknown = Reflect.get(Object(Reflect.get(Object(node), "Status")), "State");
  return state === "ready";
}

/** `skein down`: by the launcher when there is one, else by hand. Returns what a user reads. */
export async function takeDown(stateDir: string, purge: boolean): Promise<Result<string, string>> {
  const file = readClusterFile(stateDir);
  if (!file.ok) {
    if (purge && file.error.code === "malformed")
      rmSync(stateDir, { recursive: true, force: true });
    return file.error.code === "not-found" ? fail(file.error.message) : fail(file.error.message);
  }
  const answered = await askLauncher(launcherSocket(stateDir), { do: "down" });
  if (answered !== undefined && !answered.ok) return fail(answered.message);
  if (answered === undefined) await endWithoutLauncher(stateDir, file.value);
  if (purge) {
    rmSync(stateDir, { recursive: true, force: true });
    rmSync(socketDirectory(stateDir), { recursive: true, force: true });
  }
  return ok(purge ? `${file.value.name} is down and deleted` : `${file.value.name} is down`);
}

async function endWithoutLauncher(stateDir: string, file: ClusterFile): Promise<void> {
  const alive = (): number[] =>
    file.nodes.flatMap((node) =>
      Object.values(node.pids).filter(
        (pid): pid is number =>
          pid !== undefined && isOurs(pid, nodeDirectory(stateDir, node.name)),
      ),
    );
  for (const name of ["SIGTERM", "SIGKILL"] as const) {
    for (const pid of alive()) process.kill(pid, name);
    for (let waited = 0; alive().length > 0 && waited < 15_000; waited += 50) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  killTasks(file.nodes.map((node) => node.id));
}

/** True when the directory holds something that is not a cluster of ours. */
export function holdsSomethingElse(stateDir: string): boolean {
  return existsSync(stateDir) && !existsSync(join(stateDir, "cluster.json"));
}
