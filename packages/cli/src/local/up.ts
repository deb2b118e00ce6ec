/**
 * `skein up`: makes or resumes a local cluster and holds it, or finds that it runs already. One
 * launcher for one state directory: whoever holds its lock; the others wait for that one and
 * attach.
 */
import { accessSync, constants, rmSync } from "node:fs";
import type { DirectoryLock } from "@skein/common/node/lock-file";
import { lockDirectory } from "@skein/common/node/lock-file";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { ApiClient, plainReason } from "../api/client.ts";
import { listAt, textAt } from "../api/read.ts";
import { LOCAL_NODES_MAX, READY_LOOK_MS, UP_READY_MS } from "../limits.ts";
import type { ClusterFile } from "./cluster-file.ts";
import { readClusterFile, socketPath } from "./cluster-file.ts";
import { askLauncher, serveControl } from "./control.ts";
import { answerControl, STOPPING } from "./control-answers.ts";
import { createCluster } from "./create.ts";
import type { Place } from "./guard.ts";
import { findPlace, takePlace } from "./guard.ts";
import { Launcher } from "./launcher.ts";
import { machineFacts, missingText } from "./machine.ts";
import { notBuilt } from "./node-process.ts";
import { claimSocketDirectory, launcherSocket, makePrivateDirectory } from "./paths.ts";
import { killTasks, livingNodes } from "./processes.ts";
import type { Wanted } from "./state.ts";
import {
  findCluster,
  reservedIndexes,
  runtimeDirectory,
  sizeProblem,
  strangersIn,
  unusable,
} from "./state.ts";

export interface UpOptions extends Wanted {
  /** Of a cluster that is made now. */
  readonly newName: string;
  readonly restartAfterMs: number | undefined;
  /** Told of every process that ends unasked, and of what had to be repaired. */
  readonly remark: (line: string) => void;
  readonly progress: (ready: number, all: number) => void;
  /** Called as soon as there is something to stop, which is long before it is ready. */
  readonly started: (handle: UpHandle) => void;
}

export interface UpHandle {
  readonly file: ClusterFile;
  /** Ends everything, keeps the state. Idempotent. */
  stop(reason: string): Promise<void>;
  /** Resolves when the cluster was taken down, by whomever. */
  readonly ended: Promise<void>;
}

export type Up =
  | { readonly kind: "started"; readonly handle: UpHandle }
  /** Another process holds it. */
  | { readonly kind: "attached"; readonly file: ClusterFile; readonly launcherGone: boolean };

/** Starts the cluster in this process, or attaches. The error is what a user reads. */
export async function bringUp(options: UpOptions): Promise<Result<Up, string>> {
  const { stateDir, sockets } = options;
  const problem = missingText(machineFacts()) ?? notBuilt() ?? badSize(options);
  if (problem !== undefined) return fail(problem);
  try {
    makePrivateDirectory(stateDir);
    accessSync(stateDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return fail(unusable(stateDir, error));
  }
  const refusal = strangersIn(stateDir) ?? claimSocketDirectory(stateDir, sockets);
  if (refusal !== undefined) return fail(refusal);
  const held = await lockOrAttach(options);
  if (!held.ok) return held;
  if (held.value.kind === "attached") return ok(held.value);
  return startLocked(options, held.value.lock);
}

type Held = Extract<Up, { kind: "attached" }> | { readonly kind: "locked"; lock: DirectoryLock };

async function lockOrAttach(options: UpOptions): Promise<Result<Held, string>> {
  const { stateDir } = options;
  const deadline = Date.now() + UP_READY_MS;
  for (;;) {
    const lock = lockDirectory(stateDir);
    if (lock.ok) {
      const known = readClusterFile(stateDir);
      if (!known.ok || livingNodes(stateDir, known.value).length === 0) {
        return ok({ kind: "locked", lock: lock.value });
      }
      // The launcher was killed; its nodes live on. A second one could not take over their sockets.
      lock.value.release();
      return attach(options, known.value, true);
    }
    if (lock.error.code !== "locked") return fail(unusable(stateDir, lock.error.message));
    const path = launcherSocket(runtimeDirectory(stateDir));
    const answer = await askLauncher(path, { do: "wait" }, UP_READY_MS + 5000);
    if (answer?.ok === true) {
      const file = readClusterFile(stateDir);
      return file.ok ? attach(options, file.value, false) : fail(file.error.message);
    }
    // One that is just starting has no socket yet; one that is stopping will free the lock.
    if (answer !== undefined && answer.message !== STOPPING) return fail(answer.message);
    if (Date.now() > deadline) return fail(`${lock.error.message}, and does not answer: end it`);
    await pause(READY_LOOK_MS);
  }
}

function attach(
  options: UpOptions,
  file: ClusterFile,
  launcherGone: boolean,
): Result<Extract<Up, { kind: "attached" }>, string> {
  const problem = sizeProblem(options, file);
  return problem === undefined ? ok({ kind: "attached", file, launcherGone }) : fail(problem);
}

async function startLocked(options: UpOptions, lock: DirectoryLock): Promise<Result<Up, string>> {
  const prepared = await prepare(options);
  if (!prepared.ok) {
    lock.release();
    return prepared;
  }
  const { file, place } = prepared.value;
  // Tasks of agents that died with a former launcher: nobody will adopt what belongs to no node.
  killTasks(file.nodes.map((node) => node.id));
  const { stateDir, restartAfterMs, remark, progress } = options;
  const launcher = new Launcher({ stateDir, file, restartAfterMs, remark, progress });
  let settle: (failed: string | undefined) => void = () => undefined;
  const readiness = new Promise<string | undefined>((resolve) => {
    settle = resolve;
  });
  const handle = await hold({ options, launcher, place, lock, readiness });
  options.started(handle);
  const failed = await startNodes(launcher);
  settle(failed);
  if (failed === undefined) return ok({ kind: "started", handle });
  await handle.stop("the cluster did not become ready");
  return fail(failed);
}

async function startNodes(launcher: Launcher): Promise<string | undefined> {
  launcher.startAll();
  return (await launcher.ready(launcher.file.nodes, UP_READY_MS)) ?? (await nodesReady(launcher));
}

async function prepare(
  options: UpOptions,
): Promise<Result<{ readonly file: ClusterFile; readonly place: Place }, string>> {
  const { stateDir, sockets, directory } = options;
  const found = findCluster(options);
  if (!found.ok) return found;
  const name = found.value?.file.name ?? options.newName;
  const owner = `cluster ${name} of pid ${process.pid}, state in ${stateDir}`;
  if (found.value !== undefined) {
    const { file, nodes, remark } = found.value;
    if (remark !== undefined) options.remark(remark);
    const place = await takePlace({ index: file.index, nodes, owner });
    return place.ok ? ok({ file, place: place.value }) : place;
  }
  const { managers, workers } = sizeOf(options);
  const place = await findPlace(managers + workers, owner, reservedIndexes(stateDir));
  if (!place.ok) return place;
  const { index, ports } = place.value;
  try {
    const size = { managers, workers };
    const file = { stateDir, sockets, name, index, ports, ...size, directory };
    return ok({ file: await createCluster(file), place: place.value });
  } catch (error) {
    place.value.release();
    return fail(unusable(stateDir, error));
  }
}

function sizeOf(options: Pick<UpOptions, "managers" | "workers">): {
  readonly managers: number;
  readonly workers: number;
} {
  return { managers: options.managers ?? 3, workers: options.workers ?? 3 };
}

function badSize(options: UpOptions): string | undefined {
  const { managers, workers } = sizeOf(options);
  if (managers < 1) return "a cluster needs at least one manager: --managers 1, or better 3";
  const sum = managers + workers;
  if (sum <= LOCAL_NODES_MAX) return undefined;
  return `${sum} nodes are too many: at most ${LOCAL_NODES_MAX} managers and workers together`;
}

interface Holding {
  readonly options: UpOptions;
  readonly launcher: Launcher;
  readonly place: Place;
  readonly lock: DirectoryLock;
  readonly readiness: Promise<string | undefined>;
}

async function hold({ options, launcher, place, lock, readiness }: Holding): Promise<UpHandle> {
  let finish: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const path = launcherSocket(options.sockets);
  let stopping: Promise<void> | undefined;
  const stop = (reason: string): Promise<void> => {
    stopping ??= launcher.stop(reason).then(() => {
      place.release();
      server.close();
      rmSync(path, { force: true });
      lock.release();
      finish();
    });
    return stopping;
  };
  const server = await serveControl(path, (request) =>
    answerControl({ launcher, stop, readiness }, request),
  );
  return {
    get file() {
      return launcher.file;
    },
    stop,
    ended,
  };
}

/** Undefined once the API lists every node as ready, with a leader. */
async function nodesReady(launcher: Launcher): Promise<string | undefined> {
  const { api, nodes } = launcher.file;
  const client = new ApiClient([socketPath(api)]);
  const deadline = Date.now() + UP_READY_MS;
  let missing = "no answer from the API";
  while (Date.now() < deadline) {
    if (launcher.stopping) return "it was taken down meanwhile";
    const answer = await client.call({ method: "GET", path: "/nodes", timeoutMs: 5000 });
    if (!answer.ok) missing = plainReason(answer.error.message);
    else {
      const all = listAt({ all: answer.value }, "all");
      const ready = all.filter((node) => textAt(node, "Status", "State") === "ready").length;
      if (ready === nodes.length) return undefined;
      missing = `${ready} of ${nodes.length} nodes are ready`;
    }
    await pause(READY_LOOK_MS);
  }
  return `not ready after ${UP_READY_MS / 1000} s: ${missing}`;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
