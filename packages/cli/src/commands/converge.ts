/**
 * Waits until a service runs as asked, says meanwhile what it waits for, and gives up when it is in
 * vain.
 */
import type { ApiClient } from "../api/client.ts";
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import { CONVERGE_MS, FAILED_ATTEMPTS_MAX } from "../limits.ts";
import { createProgress } from "../output/progress.ts";
import { plural } from "../output/text.ts";
import { call, compareNames, slotOf, tasksOf } from "./calls.ts";
import { CommandError, remark } from "./context.ts";
import { lastLines } from "./logs.ts";

export interface ConvergeOptions {
  readonly api: ApiClient;
  readonly id: string;
  readonly name: string;
  readonly quiet: boolean;
  readonly timeoutMs?: number;
}

export interface Converged {
  /** "running: 3 of 3 running, http://127.0.0.1:8080/" */
  readonly text: string;
}

/** Between two looks. */
const LOOK_MS = 100;
/**
 * A program that starts and dies at once must not be taken for one that runs. Where a port is
 * published, a task that counts as running has accepted a connection, which says more than time.
 */
const STEADY_MS = 1000;
const STEADY_WITH_PORT_MS = 200;
const OUTPUT_LINES = 8;

/** Resolves when every replica is in rotation; else the command fails with what is in the way. */
export async function converge(options: ConvergeOptions): Promise<Converged> {
  const { api, id, name } = options;
  const what = `watch service ${name}`;
  const timeoutMs = options.timeoutMs ?? CONVERGE_MS;
  const deadline = Date.now() + timeoutMs;
  const progress = createProgress(process.stderr, !options.quiet);
  let steadySince: number | undefined;
  try {
    for (;;) {
      const service = await call(api, { method: "GET", path: `/services/${id}` }, what);
      const tasks = await tasksOf(api, [`service=${id}`], what);
      const now = judge(service, tasks);
      steadySince = now.done ? (steadySince ?? Date.now()) : undefined;
      const needed = urls(service) === "" ? STEADY_MS : STEADY_WITH_PORT_MS;
      if (steadySince !== undefined && Date.now() - steadySince >= needed) {
        return { text: `${now.state ?? "running"}: ${now.line}${urls(service)}` };
      }
      if (now.failure !== undefined) return await giveUp(options, now.failure);
      progress.update(`${name}: ${now.line}${now.doing}`);
      if (Date.now() > deadline) {
        throw new CommandError(
          `Cannot confirm service ${name}: ${now.line}${now.doing} after ${timeoutMs / 1000} s; ` +
            `it goes on trying: skein service ps ${name}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    progress.done();
  }
}

interface Judged {
  readonly done: boolean;
  /** "2 of 3 running" */
  readonly line: string;
  /** Where that is not "running". */
  readonly state?: string;
  /** What the others do, for the progress line. */
  readonly doing: string;
  /** Why it is in vain to wait. */
  readonly failure?: string;
}

/** From one look at the service and all its tasks. */
export function judge(service: unknown, tasks: readonly unknown[]): Judged {
  const mode = at(service, "Spec", "Mode");
  const total = at(mode, "ReplicatedJob", "TotalCompletions");
  if (total !== undefined || at(mode, "GlobalJob") !== undefined) return judgeJob(service, tasks);
  const current = newest(tasks.filter((task) => textAt(task, "DesiredState") === "running"));
  // A global service has as many tasks as there are nodes that fit: the cluster knows.
  const isGlobal = at(mode, "Global") !== undefined;
  const wanted = isGlobal ? current.length : numberAt(mode, "Replicated", "Replicas");
  const running = current.filter((task) => stateOf(task) === "running").length;
  const line = `${running} of ${wanted} running`;
  const update = textAt(service, "UpdateStatus", "State");
  if (update === "paused" || update === "rollback_paused") {
    const message = textAt(service, "UpdateStatus", "Message");
    return { done: false, line, doing: "", failure: `the update is paused: ${message}` };
  }
  const updating = update === "updating" || update === "rollback_started";
  const done = running === wanted && current.length === wanted && !updating;
  const failure = done || updating ? undefined : inVain(service, tasks);
  const doing = updating ? ", updating" : reason(current);
  return failure === undefined ? { done, line, doing } : { done, line, doing, failure };
}

/** One of each slot: after a blue-green update the former tasks stand by for a while. */
function newest(tasks: readonly unknown[]): readonly unknown[] {
  const slots = new Map<string, unknown>();
  for (const task of tasks) {
    const known = slots.get(slotOf(task));
    const isNewer = known === undefined || textAt(task, "CreatedAt") > textAt(known, "CreatedAt");
    if (isNewer) slots.set(slotOf(task), task);
  }
  return [...slots.values()];
}

/** A job is done when every task of its run completed. One with a schedule is not waited for. */
function judgeJob(service: unknown, tasks: readonly unknown[]): Judged {
  const schedule = at(service, "Spec", "Labels", "skein.schedule");
  if (typeof schedule === "string") {
    return { done: true, state: "scheduled", line: `${schedule} (UTC)`, doing: "" };
  }
  const run = numberAt(service, "JobStatus", "JobIteration", "Index");
  const ours = tasks.filter((task) => numberAt(task, "JobIteration", "Index") === run);
  const complete = ours.filter((task) => stateOf(task) === "complete").length;
  const total = at(service, "Spec", "Mode", "ReplicatedJob", "TotalCompletions");
  const wanted = typeof total === "number" ? total : new Set(ours.map(nodeOf)).size;
  const line = `${complete} of ${wanted} complete`;
  const done = complete === wanted && wanted > 0;
  const failure = done ? undefined : inVain(service, tasks);
  const doing = reason(ours.filter((task) => textAt(task, "DesiredState") === "complete"));
  const judged = { done, state: "complete", line, doing };
  return failure === undefined ? judged : { ...judged, failure };
}

function nodeOf(task: unknown): string {
  return textAt(task, "NodeID");
}

/** Attempts at one slot since the last change of the service, all of which ended badly. */
function inVain(service: unknown, tasks: readonly unknown[]): string | undefined {
  const since = textAt(service, "UpdatedAt");
  const slots = new Map<string, unknown[]>();
  for (const task of tasks) {
    if (Date.parse(textAt(task, "CreatedAt")) < Date.parse(since)) continue;
    const slot = slotOf(task);
    slots.set(slot, [...(slots.get(slot) ?? []), task]);
  }
  for (const [slot, attempts] of [...slots].sort(([a], [b]) => compareNames(a, b))) {
    const ended = attempts.filter((task) => ["failed", "rejected"].includes(stateOf(task)));
    const alive = attempts.some((task) => ["running", "starting"].includes(stateOf(task)));
    const [last] = ended;
    if (last === undefined || alive) continue;
    // A rejection is the system's own word, and each slot has been tried again at once.
    const enough = stateOf(last) === "rejected" ? 2 : FAILED_ATTEMPTS_MAX;
    if (ended.length < enough) continue;
    const error = textAt(last, "Status", "Err");
    const name = `${textAt(service, "Spec", "Name")}.${slot}`;
    const times = stateOf(last) === "rejected" ? "was rejected" : `failed ${ended.length} times`;
    return `${name} ${times} (${error})`;
  }
  return undefined;
}

async function giveUp({ api, id, name }: ConvergeOptions, failure: string): Promise<never> {
  const lines = /failed/.test(failure) ? await lastLines(api, id, OUTPUT_LINES) : [];
  for (const line of lines) remark(`  ${line}`);
  const more = lines.length === 0 ? "" : `; its last ${plural(lines.length, "line")} above`;
  throw new CommandError(
    `Cannot run service ${name}: ${failure}${more}: change it (skein service update) ` +
      `or remove it (skein service rm ${name})`,
  );
}

function stateOf(task: unknown): string {
  return textAt(task, "Status", "State");
}

/** The first reason a task gives for not running. */
function reason(tasks: readonly unknown[]): string {
  for (const task of tasks) {
    const error = at(task, "Status", "Err");
    if (typeof error === "string" && error !== "") return ` (${error})`;
  }
  return "";
}

function urls(service: unknown): string {
  const ports = listAt(service, "Endpoint", "Ports").map((port) => numberAt(port, "PublishedPort"));
  return ports.map((port) => `, http://127.0.0.1:${port}/`).join("");
}
