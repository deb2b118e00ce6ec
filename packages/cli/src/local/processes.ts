/**
 * Processes of a local cluster as /proc shows them: identity before any signal, tasks by their
 * mark.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { ClusterFile, LocalNode } from "./cluster-file.ts";
import { nodeDirectory } from "./paths.ts";

/** Processes of one node that live. */
export function livingPids(stateDir: string, node: LocalNode): readonly number[] {
  return Object.values(node.pids).filter(
    (pid): pid is number => pid !== undefined && isOurs(pid, nodeDirectory(stateDir, node.name)),
  );
}

/** Processes of the cluster's nodes that live, whoever started them. */
export function livingNodes(stateDir: string, file: Pick<ClusterFile, "nodes">): readonly number[] {
  return file.nodes.flatMap((node) => livingPids(stateDir, node));
}

/**
 * True when `pid` lives and its command line holds `mark` (its state directory): pids are reused.
 */
export function isOurs(pid: number, mark: string): boolean {
  if (!isAlive(pid)) return false;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(mark);
  } catch {
    return false;
  }
}

/** A zombie is dead: whoever inherited it just has not looked yet. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.charAt(stat.lastIndexOf(")") + 2) !== "Z";
  } catch {
    return false;
  }
}

/** Process groups of tasks whose environment names one of these nodes, with their members. */
export function taskProcesses(nodeIds: readonly string[]): number[] {
  const marks = new Set(nodeIds.map((id) => `SKEIN_NODE_ID=${id}`));
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      if (environment.some((line) => marks.has(line))) found.push(pid);
    } catch {
      // Ended meanwhile, or another user's.
    }
  }
  return found;
}

export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Kills every process of the tasks of these nodes, until none is left; returns how many there were.
 */
export function killTasks(nodeIds: readonly string[]): number {
  let killed = 0;
  // A task may fork while we look: look again until a look finds nothing new.
  for (let round = 0; round < 10; round += 1) {
    const pids = taskProcesses(nodeIds);
    if (pids.length === 0) break;
    for (const pid of pids) if (signal(pid, "SIGKILL")) killed += 1;
  }
  return killed;
}
