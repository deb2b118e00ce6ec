/**
 * What the kernel tells of processes (/proc, Linux). A process is named by pid, start time and boot
 * id: a pid alone may be another process by the time it is used.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { PROC_SLICE_MAX } from "../limits.ts";

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot: field 22 of /proc/<pid>/stat. */
  readonly startTime: number;
  readonly bootId: string;
}

export interface ProcessStat {
  readonly pid: number;
  /** "R", "S", "Z" … */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly startTime: number;
}

/** A process and the task its environment says it belongs to. */
export interface FoundProcess extends ProcessStat {
  readonly taskId: string | undefined;
}

const TASK_VARIABLE = "SKEIN_TASK_ID=";

export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Undefined when there is no such process (any more). */
export function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined; // Gone between two looks: the answer, not an error.
  }
  // The name may hold spaces and parentheses: everything else follows its last ")".
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = "", parent, group, session] = fields;
  const startTime = Number(fields[19]);
  if (!Number.isSafeInteger(startTime)) return undefined;
  const numbers = { parent: Number(parent), group: Number(group), session: Number(session) };
  return { pid, state, ...numbers, startTime };
}

/** True while this very process lives; a zombie has ended, whether its parent noticed or not. */
export function isAlive(identity: ProcessIdentity, bootId: string): boolean {
  if (identity.bootId !== bootId) return false;
  const stat = readStat(identity.pid);
  return stat !== undefined && stat.startTime === identity.startTime && !hasEnded(stat);
}

/** The command line as the kernel has it; empty when there is none (any more). */
export function readCommand(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

export function hasEnded(stat: ProcessStat): boolean {
  return stat.state === "Z" || stat.state === "X";
}

/** Signals this very process; false when it is gone or another one by now. */
export function signalProcess(stat: ProcessStat, signal: NodeJS.Signals): boolean {
  const now = readStat(stat.pid);
  if (now === undefined || now.startTime !== stat.startTime || hasEnded(now)) return false;
  return sendSignal(stat.pid, signal);
}

/** `target` negative: the process group. The caller has just proved whose it is. */
export function sendSignal(target: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch {
    return false; // ESRCH: it ended meanwhile. EPERM: it changed its user; the next look tells.
  }
}

/**
 * Searches /proc, one pass for everyone who asks before it begins, in slices that leave the event
 * loop its turn.
 */
export class ProcessFinder {
  #next: Promise<readonly FoundProcess[]> | undefined;
  #current: Promise<unknown> = Promise.resolve();

  all(): Promise<readonly FoundProcess[]> {
    // A pass under way may have passed what the asker looks for: its answer is the next one.
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      const pass = searchProc();
      this.#current = pass;
      return pass;
    });
    return this.#next;
  }
}

async function searchProc(): Promise<readonly FoundProcess[]> {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  const found: FoundProcess[] = [];
  for (const [position, pid] of pids.entries()) {
    if (position % PROC_SLICE_MAX === PROC_SLICE_MAX - 1) await nextTurn();
    const stat = readStat(pid);
    if (stat !== undefined && !hasEnded(stat)) found.push({ ...stat, taskId: readTaskId(pid) });
  }
  return found;
}

/**
 * From the environment the process was started with. Other users' are not readable, and not ours.
 */
function readTaskId(pid: number): string | undefined {
  let environment: string;
  try {
    environment = readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return undefined;
  }
  const variables = environment.split("\0");
  return variables.find((line) => line.startsWith(TASK_VARIABLE))?.slice(TASK_VARIABLE.length);
}
