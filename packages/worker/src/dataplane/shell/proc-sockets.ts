/** The listening sockets of a task's processes, from /proc (Linux). */
import type { FileHandle } from "node:fs/promises";
import { open, readdir, readFile, readlink } from "node:fs/promises";
import { TASK_PROCESSES_MAX } from "../../limits.ts";
import type { Found, ListenSocket } from "../listeners.ts";
import {
  covers,
  endsListening,
  parseListenSockets,
  processOf,
  socketInode,
  taskProcesses,
} from "../listeners.ts";

export interface Inspection {
  /** The group leader. */
  readonly pid: number;
  readonly address: string;
  readonly ports: readonly number[];
}

/**
 * Undefined where it cannot be told: no /proc, another user's processes, a process that just ended.
 */
export async function inspectListeners(what: Inspection): Promise<Found> {
  const sockets = await listenSockets(what.pid);
  if (sockets === undefined) return undefined;
  // Bound to the task's own address, which nobody else has: no need to look through the processes.
  const own = sockets.filter((socket) => socket.address === what.address);
  if (what.ports.every((port) => own.some((socket) => socket.port === port))) return own;
  const inodes = await inodesOfTask(what.pid);
  return inodes === undefined ? undefined : sockets.filter((socket) => inodes.has(socket.inode));
}

/** Connections that wait at a port of the process's network; undefined where it cannot be told. */
export async function waitingAt(
  pid: number,
  address: string,
  port: number,
): Promise<number | undefined> {
  const sockets = await listenSockets(pid);
  return sockets?.find((socket) => covers(socket, address, port))?.waiting;
}

/** Listening ports by address, of our own network namespace; undefined where it cannot be told. */
export async function listeningAt(
  addresses: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly number[]> | undefined> {
  const text = await readListening("/proc/self/net/tcp");
  if (text === undefined) return undefined;
  const found = new Map<string, number[]>();
  for (const { address, port } of parseListenSockets(text)) {
    if (!addresses.has(address)) continue;
    const ports = found.get(address);
    if (ports === undefined) found.set(address, [port]);
    else ports.push(port);
  }
  return found;
}

/** Of the network namespace of the process. */
async function listenSockets(pid: number): Promise<readonly ListenSocket[] | undefined> {
  const four = await readListening(`/proc/${pid}/net/tcp`);
  const six = await readListening(`/proc/${pid}/net/tcp6`);
  if (four === undefined) return undefined;
  return [...parseListenSockets(four), ...parseListenSockets(six ?? "")];
}

/** Reads as far as listening sockets go: a machine with 100,000 connections must not stall us. */
async function readListening(path: string): Promise<string | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const buffer = Buffer.alloc(64 * 1024);
    let text = "";
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return text;
      text += buffer.toString("latin1", 0, bytesRead);
      if (endsListening(text)) return text;
    }
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

/** Inodes of all sockets of the task's group and of everything that descends from it. */
async function inodesOfTask(pid: number): Promise<ReadonlySet<number> | undefined> {
  const processes = taskProcesses(await allProcesses(), pid).slice(0, TASK_PROCESSES_MAX);
  const inodes = new Set<number>();
  for (const one of processes) {
    const links = await socketLinks(one);
    if (links === undefined) return undefined;
    for (const inode of links) inodes.add(inode);
  }
  return processes.length === 0 ? undefined : inodes;
}

async function allProcesses(): ReturnType<typeof readProcesses> {
  const names = await readdir("/proc").catch(() => []);
  return readProcesses(names.filter((name) => /^\d+$/.test(name)));
}

async function readProcesses(
  names: readonly string[],
): Promise<readonly { pid: number; parent: number; group: number }[]> {
  const found: { pid: number; parent: number; group: number }[] = [];
  for (const name of names) {
    const stat = await readFile(`/proc/${name}/stat`, "latin1").catch(() => "");
    const process = processOf(stat);
    if (process !== undefined) found.push(process);
  }
  return found;
}

/** Empty for a process that just ended, undefined for one that may not be looked at. */
async function socketLinks(pid: number): Promise<readonly number[] | undefined> {
  const inodes: number[] = [];
  try {
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      const link = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "");
      const inode = socketInode(link);
      if (inode !== undefined) inodes.push(inode);
    }
    return inodes;
  } catch (error) {
    const denied = error instanceof Error && "code" in error && error.code === "EACCES";
    return denied ? undefined : inodes;
  }
}
