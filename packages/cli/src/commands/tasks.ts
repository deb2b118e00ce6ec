/**
 * Tasks as `service ps` and `node ps` print them: newest first within a slot, history marked by
 * `\_`.
 */
import type { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import { textAt } from "../api/read.ts";
import { age } from "../output/age.ts";
import { table } from "../output/table.ts";
import { compareNames, list, listAtTime, nameOf, slotOf, tasksOf } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { print, printJson } from "./context.ts";
import { collect, moment } from "./values.ts";

export interface ListFlags extends GlobalOptions {
  readonly filter?: readonly string[];
  readonly quiet?: boolean;
  /** An earlier moment: milliseconds since 1970. */
  readonly at?: number;
  /** False with `--no-trunc`. */
  readonly trunc?: boolean;
}

export function addListFlags(command: Command): Command {
  return command
    .option("-f, --filter <key=value>", "only those that match", collect)
    .option("-q, --quiet", "only ids")
    .option("--at <time>", "as it was: 5m ago, or at a time as in 2026-01-31T12:00:00Z", moment);
}

const HEADINGS = ["ID", "NAME", "NODE", "DESIRED STATE", "CURRENT STATE", "ERROR"];

/** `filters`: "service=<id>" or "node=<id>" words; those of the flags are added. */
export async function printTasks(
  api: ApiClient,
  filters: readonly string[],
  flags: ListFlags,
): Promise<void> {
  const what = "list tasks";
  const words = [...filters, ...(flags.filter ?? [])];
  const tasks =
    flags.at === undefined
      ? await tasksOf(api, words, what)
      : (await listAtTime(api, { list: "tasks", time: flags.at }, what)).filter((task) =>
          isOne(task, filters),
        );
  if (flags.json === true) return printJson(tasks);
  const names = await namesOf(api);
  const sorted = [...tasks].sort(
    (a, b) =>
      compareNames(names.task(a), names.task(b)) ||
      compareNames(textAt(b, "CreatedAt"), textAt(a, "CreatedAt")),
  );
  if (flags.quiet === true) return sorted.forEach((task) => print(textAt(task, "ID")));
  let former = "";
  const rows = sorted.map((task) => {
    const name = names.task(task);
    const shown = name === former ? ` \\_ ${name}` : name;
    former = name;
    const id = textAt(task, "ID");
    return [flags.trunc === false ? id : id.slice(0, 12), shown, names.node(task), ...state(task)];
  });
  for (const line of table(HEADINGS, rows)) print(line);
}

export interface TaskNames {
  /** "web.1" */
  task(task: unknown): string;
  /** Host name of the node it was given to; "" when to none. */
  node(task: unknown): string;
}

export async function namesOf(api: ApiClient): Promise<TaskNames> {
  const nodes = await list(api, { path: "/nodes" }, "list nodes");
  const services = await list(api, { path: "/services" }, "list services");
  const nodeNames = new Map(
    nodes.map((node) => [textAt(node, "ID"), textAt(node, "Description", "Hostname")]),
  );
  const serviceNames = new Map(services.map((one) => [textAt(one, "ID"), nameOf(one)]));
  return {
    task: (task) => {
      const id = textAt(task, "ServiceID");
      return `${serviceNames.get(id) ?? id}.${slotOf(task)}`;
    },
    node: (task) => nodeNames.get(textAt(task, "NodeID")) ?? "",
  };
}

function state(task: unknown): readonly string[] {
  const since = Date.parse(textAt(task, "Status", "Timestamp"));
  const when = Number.isNaN(since) ? "" : ` ${age(Date.now() - since)} ago`;
  return [
    capital(textAt(task, "DesiredState")),
    `${capital(textAt(task, "Status", "State"))}${when}`,
    textAt(task, "Status", "Err"),
  ];
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

/** `filters`: "service=<id>" or "node=<id>" words; any of them. */
function isOne(task: unknown, filters: readonly string[]): boolean {
  const ids = [`service=${textAt(task, "ServiceID")}`, `node=${textAt(task, "NodeID")}`];
  return filters.length === 0 || ids.some((id) => filters.includes(id));
}
