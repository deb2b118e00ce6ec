/** What an experiment does to nodes of a local cluster: kill, stop, continue, start. */
import type { ChildProcess } from "node:child_process";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { DOWN_ANSWER_MS, UP_READY_MS } from "../limits.ts";
import type { LocalNode } from "./cluster-file.ts";
import { readClusterFile, writeClusterFile } from "./cluster-file.ts";
import { askLauncher } from "./control.ts";
import { forkNode, kindsOf, readMessage } from "./node-process.ts";
import { launcherSocket, nodeDirectory } from "./paths.ts";
import { isOurs, killTasks, livingPids, signal, taskProcesses } from "./processes.ts";
import { runtimeDirectory } from "./state.ts";

export interface Target {
  readonly stateDir: string;
  readonly node: LocalNode;
}

/** The loss of a machine: its processes and its tasks at once. */
export function killNode({ stateDir, node }: Target): string {
  const pids = livingPids(stateDir, node);
  for (const pid of pids) signal(pid, "SIGKILL");
  const tasks = killTasks([node.id]);
  if (pids.length === 0 && tasks === 0) return `${node.name} was not running`;
  return `killed ${node.name} (${processes(pids.length)}, ${processes(tasks)} of its tasks)`;
}

function processes(count: number): string {
  return count === 1 ? "1 process" : `${count} processes`;
}

export function pauseNode(target: Target): Result<string, string> {
  return signalNode(target, "SIGSTOP", "paused");
}

export function resumeNode(target: Target): Result<string, string> {
  return signalNode(target, "SIGCONT", "resumed");
}

function signalNode(
  { stateDir, node }: Target,
  name: "SIGSTOP" | "SIGCONT",
  done: string,
): Result<string, string> {
  const pids = [...livingPids(stateDir, node), ...taskProcesses([node.id])];
  if (pids.length === 0) return fail(`it is not running: skein start ${node.name}`);
  for (const pid of pids) signal(pid, name);
  return ok(`${done} ${node.name}`);
}

/** By the launcher; by this process when that is gone, and then without 127.0.0.1. */
export async function startNode({ stateDir, node }: Target): Promise<Result<string, string>> {
  const path = launcherSocket(runtimeDirectory(stateDir));
  const request = { do: "start", node: node.name } as const;
  const answer = await askLauncher(path, request, UP_READY_MS + DOWN_ANSWER_MS);
  if (answer !== undefined) return answer.ok ? ok(answer.message) : fail(answer.message);
  const file = readClusterFile(stateDir);
  if (!file.ok) return fail(file.error.message);
  if (!file.value.nodes.some((one) => livingPids(stateDir, one).length > 0)) {
    return fail(`cluster ${file.value.name} is down: skein up`);
  }
  return startWithoutLauncher(stateDir, node);
}

async function startWithoutLauncher(
  stateDir: string,
  node: LocalNode,
): Promise<Result<string, string>> {
  const missing = kindsOf(node).filter((kind) => {
    const pid = node.pids[kind];
    return pid === undefined || !isOurs(pid, nodeDirectory(stateDir, node.name));
  });
  if (missing.length === 0) return ok(`${node.name} is running already`);
  let pids = node.pids;
  for (const kind of missing) {
    const child = forkNode({ stateDir, node, kind });
    const failed = await readyOrFailed(child);
    if (child.connected) child.disconnect();
    child.unref();
    if (failed !== undefined) return fail(`${kind}: ${failed}; see ${node.log}`);
    if (child.pid !== undefined) pids = { ...pids, [kind]: child.pid };
  }
  notePids(stateDir, { ...node, pids });
  return ok(`started ${node.name} (without 127.0.0.1: the launcher of this cluster is gone)`);
}

function readyOrFailed(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve("not ready in time"), UP_READY_MS);
    const settle = (failed: string | undefined): void => {
      clearTimeout(timer);
      resolve(failed);
    };
    child.on("message", (raw) => {
      const message = readMessage(raw);
      if (message?.kind === "ready") settle(undefined);
      if (message?.kind === "failed") settle(message.error);
    });
    child.on("exit", (code, name) => settle(`ended at its start (${name ?? `exit ${code}`})`));
    child.on("error", (error) => settle(error.message));
  });
}

function notePids(stateDir: string, node: LocalNode): void {
  const file = readClusterFile(stateDir);
  if (!file.ok) return;
  const nodes = file.value.nodes.map((one) => (one.name === node.name ? node : one));
  writeClusterFile(stateDir, { ...file.value, nodes });
}
