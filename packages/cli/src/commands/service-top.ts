/** `skein service top`: what the published ports carry, second by second, as all nodes count it. */
import type { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import { textAt } from "../api/read.ts";
import { TOP_EVERY_MS, TOP_TASKS_MAX } from "../limits.ts";
import { table } from "../output/table.ts";
import type { ServiceRates, TaskRates, TrafficRates } from "../output/traffic.ts";
import { trafficRates } from "../output/traffic.ts";
import { call, client, compareNames, tasksOf } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { colours, print, printJson } from "./context.ts";
import { examples } from "./help.ts";
import type { TaskNames } from "./tasks.ts";
import { namesOf } from "./tasks.ts";
import { duration } from "./values.ts";

interface TopFlags extends GlobalOptions {
  readonly once?: boolean;
  readonly every: number;
}

const WHAT = "show the traffic";
const CLEAR = "\u001b[H\u001b[J";

export function addServiceTop(service: Command): void {
  service
    .command("top [service...]")
    .description("Show requests, errors, times and bytes of published ports, live, until Ctrl-C")
    .option("--once", "one reading, then end")
    .option("--every <duration>", "time between readings", duration, TOP_EVERY_MS)
    .addHelpText(
      "after",
      examples("skein service top", "skein service top web --every 5s", "skein service top --once"),
    )
    .action((names: string[], _flags: unknown, command: Command) =>
      top(names, command.optsWithGlobals<TopFlags>()),
    );
}

async function top(names: readonly string[], flags: TopFlags): Promise<void> {
  const api = await client(flags, WHAT);
  for (const name of names) {
    await call(api, { method: "GET", path: `/services/${encodeURIComponent(name)}` }, WHAT);
  }
  const every = Math.max(TOP_EVERY_MS / 4, flags.every);
  const isLive = process.stdout.isTTY === true && flags.json !== true && flags.once !== true;
  let before = await reading(api);
  do {
    await new Promise((resolve) => setTimeout(resolve, every));
    const after = await reading(api);
    const rates = only(names, trafficRates(before, after));
    before = after;
    if (flags.json === true) printJson(rates);
    else await show(api, rates, isLive);
  } while (flags.once !== true);
}

function reading(api: ApiClient): Promise<unknown> {
  return call(api, { method: "GET", path: "/skein/v1/traffic" }, WHAT);
}

function only(names: readonly string[], rates: TrafficRates): TrafficRates {
  if (names.length === 0) return rates;
  const services = rates.services.filter(({ service }) => names.includes(service));
  return { ...rates, services, tasks: rates.tasks.filter((task) => names.includes(task.service)) };
}

async function show(api: ApiClient, rates: TrafficRates, isLive: boolean): Promise<void> {
  const [names, tasks] = [await namesOf(api), await tasksOf(api, [], WHAT)];
  const lines = describeTraffic(rates, { names, tasks });
  if (isLive) process.stdout.write(CLEAR);
  for (const line of lines) print(line);
}

export interface TaskTable {
  readonly names: TaskNames;
  readonly tasks: readonly unknown[];
}

const SERVICE_HEADINGS = [
  ...["SERVICE", "REQUESTS/S", "ERRORS/S", "RETRIES/S", "P50", "P99"],
  ...["TCP/S", "IN/S", "OUT/S"],
];
const TASK_HEADINGS = ["TASK", "NODE", "REQUESTS/S", "ERRORS/S", "OPEN"];

export function describeTraffic(rates: TrafficRates, known: TaskTable): readonly string[] {
  const services = [...rates.services].sort((a, b) => compareNames(a.service, b.service));
  if (services.length === 0) {
    const none = "No service with a published port had a client yet.";
    return [none, ...missingLines(rates)];
  }
  const rows = rates.tasks
    .map((task) => taskRow(task, known))
    .sort(([a = ""], [b = ""]) => compareNames(a, b));
  const tasks = rows.slice(0, TOP_TASKS_MAX);
  const left = rows.length - tasks.length;
  return [
    ...table(SERVICE_HEADINGS, services.map(serviceRow)),
    ...(rows.length === 0 ? [] : ["", ...table(TASK_HEADINGS, tasks)]),
    ...(left === 0 ? [] : [`and ${left} more tasks`]),
    ...missingLines(rates),
  ];
}

function missingLines({ missing }: TrafficRates): readonly string[] {
  return missing.map((text) => colours.yellow(`not counted: ${text}`));
}

function serviceRow(rates: ServiceRates): readonly string[] {
  const { service, requests, errors, retries, p50, p99, connections, bytesIn, bytesOut } = rates;
  const failed = errors === 0 ? "0" : colours.red(perSecond(errors));
  return [
    ...[service, perSecond(requests), failed, perSecond(retries), within(p50), within(p99)],
    ...[perSecond(connections), bytes(bytesIn), bytes(bytesOut)],
  ];
}

function taskRow(rates: TaskRates, { names, tasks }: TaskTable): readonly string[] {
  const task = tasks.find((one) => textAt(one, "ID") === rates.task);
  const name = task === undefined ? `${rates.service}.?` : names.task(task);
  const node = task === undefined ? "" : names.node(task);
  return [name, node, perSecond(rates.requests), perSecond(rates.errors), String(rates.open)];
}

function perSecond(rate: number): string {
  if (rate === 0) return "0";
  return rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString("en-US");
}

/** The histogram knows bounds only. */
function within(ms: number | undefined): string {
  if (ms === undefined) return "-";
  if (!Number.isFinite(ms)) return "> 30 s";
  return ms < 1000 ? `≤ ${ms} ms` : `≤ ${ms / 1000} s`;
}

function bytes(rate: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let value = rate;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
