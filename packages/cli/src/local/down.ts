/** `skein down`: by the launcher when there is one, else by hand. */
import { rmSync } from "node:fs";
import type { DirectoryLock } from "@skein/common/node/lock-file";
import { lockDirectory } from "@skein/common/node/lock-file";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { DOWN_ANSWER_MS, DOWN_GRACE_MS, LAUNCHER_END_MS, READY_LOOK_MS } from "../limits.ts";
import type { ClusterFile } from "./cluster-file.ts";
import { readClusterFile, socketPath, writeClusterFile } from "./cluster-file.ts";
import type { LauncherAnswer } from "./control.ts";
import { askLauncher } from "./control.ts";
import { launcherSocket } from "./paths.ts";
import { isAlive, killTasks, livingNodes, signal } from "./processes.ts";
import { isCluster, purge, runtimeDirectory } from "./state.ts";

export interface Down {
  readonly name: string;
  /** False: there was nothing to end. */
  readonly wasUp: boolean;
  readonly purged: boolean;
  /** Files in the state directory that are not the cluster's, and stay. */
  readonly left: readonly string[];
}

/** The error is what a user reads. */
export async function takeDown(stateDir: string, purged: boolean): Promise<Result<Down, string>> {
  const file = readClusterFile(stateDir);
  if (!file.ok && !(purged && isCluster(stateDir))) {
    return fail(file.error.message);
  }
  const sockets = runtimeDirectory(stateDir);
  const asked = await askOrLock(stateDir, sockets);
  if ("refusal" in asked) {
    const pid = file.ok ? file.value.launcher?.pid : undefined;
    return fail(`${asked.refusal}: end it (kill -9 ${pid ?? "<pid>"}), then skein down`);
  }
  const answer = "answer" in asked ? asked.answer : undefined;
  if (answer !== undefined && file.ok) await launcherEnds(file.value.launcher?.pid);
  const ended = "lock" in asked && file.ok ? await endByHand(stateDir, file.value) : 0;
  if ("lock" in asked) asked.lock.release();
  const left = purged ? purge(stateDir, sockets) : [];
  const name = file.ok ? file.value.name : "";
  return ok({ name, wasUp: answer !== undefined || ended > 0, purged, left });
}

type Asked =
  | { readonly answer: LauncherAnswer }
  | { readonly lock: DirectoryLock }
  | { readonly refusal: string };

/** Either a launcher has taken it down, or there is none and the cluster is ours. */
async function askOrLock(stateDir: string, sockets: string): Promise<Asked> {
  const deadline = Date.now() + DOWN_ANSWER_MS;
  for (;;) {
    const answer = await askLauncher(launcherSocket(sockets), { do: "down" }, DOWN_ANSWER_MS);
    if (answer !== undefined) return answer.ok ? { answer } : { refusal: answer.message };
    const lock = lockDirectory(stateDir);
    if (lock.ok) return { lock: lock.value };
    // A launcher that is just starting has no socket yet.
    if (lock.error.code !== "locked" || Date.now() > deadline) {
      return { refusal: lock.error.message };
    }
    await pause(READY_LOOK_MS);
  }
}

/** It answers before it ends: whoever reads that the cluster is down may look for what is left. */
async function launcherEnds(pid: number | undefined): Promise<void> {
  const deadline = Date.now() + LAUNCHER_END_MS;
  while (pid !== undefined && isAlive(pid) && Date.now() < deadline) await pause(READY_LOOK_MS);
}

/** Returns how many processes there were. */
async function endByHand(stateDir: string, file: ClusterFile): Promise<number> {
  const alive = (): readonly number[] => livingNodes(stateDir, file);
  const before = alive().length;
  // One that is paused cannot end by itself.
  for (const pid of alive()) signal(pid, "SIGCONT");
  for (const name of ["SIGTERM", "SIGKILL"] as const) {
    for (const pid of alive()) signal(pid, name);
    const deadline = Date.now() + DOWN_GRACE_MS;
    while (alive().length > 0 && Date.now() < deadline) await pause(READY_LOOK_MS);
  }
  const tasks = killTasks(file.nodes.map((node) => node.id));
  rmSync(socketPath(file.api), { force: true });
  const { launcher: _launcher, ...rest } = file;
  writeClusterFile(stateDir, { ...rest, nodes: file.nodes.map((node) => ({ ...node, pids: {} })) });
  return before + tasks;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
