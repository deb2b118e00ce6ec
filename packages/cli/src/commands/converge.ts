/** Waits until a service runs as asked, and says meanwhile what it waits for. */
import type { ApiClient } from "../api/client.ts";
import { at, numberAt, textAt } from "../api/read.ts";
import { call, tasksOf } from "./calls.ts";
import { CommandError, remark } from "./context.ts";

export interface ConvergeOptions {
  readonly api: ApiClient;
  readonly serviceId: string;
  readonly name: string;
  readonly quiet: boolean;
  readonly timeoutMs: number;
}

/** Resolves when every replica is in rotation; else the command fails with what is in the way. */
export async function converge(options: ConvergeOptions): Promise<void> {
  const { api, serviceId, name } = options;
  const what = `watch service ${name}`;
  const deadline = Date.now() + options.timeoutMs;
  let said = "";
  for (;;) {
    const service = await call(api, { method: "GET", path: `/services/${serviceId}` }, what);
    const tasks = await tasksOf(api, { service: serviceId, "desired-state": "running" }, what);
    const wanted = numberAt(service, "Spec", "Mode", "Replicated", "Replicas");
    const running = tasks.filter((task) => textAt(task, "Status", "State") === "running").length;
    const state = textAt(service, "UpdateStatus", "State");
    if (state.endsWith("paused")) {
      throw new CommandError(
        `Cannot update service ${name}: ${textAt(service, "UpdateStatus", "Message")}`,
      );
    }
    const updating = state === "updating" || state === "rollback_started";
    if (running === wanted && tasks.length === wanted && !updating) return;
    const line = `${name}: ${running} of ${wanted} running${problems(tasks)}`;
    if (line !== said && !options.quiet) remark(line);
    said = line;
    if (Date.now() > deadline) {
      throw new CommandError(
        `Cannot confirm service ${name}: ${line} after ${options.timeoutMs / 1000} s; ` +
          `it goes on: skein service ps ${name}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The first reason a task gives for not running. */
function problems(tasks: readonly unknown[]): string {
  for (const task of tasks) {
    const error = at(task, "Status", "Err");
    if (typeof error === "string" && error !== "") return ` (${error})`;
  }
  return "";
}
