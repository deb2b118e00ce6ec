/** Tasks as `service ps` and `node ps` print them: newest first within a slot, history marked by `\_`. */
import type { ApiClient } from "../api/client.ts";
import { numberAt, textAt } from "../api/read.ts";
import { age } from "../output/age.ts";
import { table } from "../output/table.ts";
import { list, nameOf, tasksOf } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { print, printJson } from "./context.ts";

const HEADINGS = ["ID", "NAME", "NODE", "DESIRED STATE", "CURRENT STATE", "ERROR"];

export async function printTasks(
  api: ApiClient,
  filter: Readonly<Record<string, string>>,
  flags: GlobalOptions,
): Promise<void> {
  const tasks = await tasksOf(api, filter, "list tasks");
  if (flags.json === true) {
    printJson(tasks);
    return;
  }
  const [nodes, services] = [
    await list(api, "/nodes", "list nodes"),
    await list(api, "/services", "list services"),
  ];
  const nodeNames = new Map(
    nodes.map((node) => [textAt(node, "ID"), textAt(node, "Description", "Hostname")]),
  );
  const serviceNames = new Map(services.map((service) => [textAt(service, "ID"), nameOf(service)]));
  const nameOfTask = (task: unknown): string =>
    `${serviceNames.get(textAt(task, "ServiceID")) ?? textAt(task, "ServiceID")}.${numberAt(task, "Slot")}`;
  const sorted = [...tasks].sort(
    (a, b) =>
      compare(nameOfTask(a), nameOfTask(b)) ||
      compare(textAt(b, "CreatedAt"), textAt(a, "CreatedAt")),
  );
  let former = "";
  const rows = sorted.map((task) => {
    const name = nameOfTask(task);
    const shown = name === former ? ` \\_ ${name}` : name;
    former = name;
    return row(task, shown, nodeNames.get(textAt(task, "NodeID")) ?? "");
  });
  for (const line of table(HEADINGS, rows)) print(line);
}

function row(task: unknown, name: string, node: string): readonly string[] {
  const state = textAt(task, "Status", "State");
  const since = Date.parse(textAt(task, "Status", "Timestamp"));
  const when = Number.isNaN(since) ? "" : ` ${age(Date.now() - since)} ago`;
  return [
    textAt(task, "ID").slice(0, 12),
    name,
    node,
    capital(textAt(task, "DesiredState")),
    `${capital(state)}${when}`,
    textAt(task, "Status", "Err"),
  ];
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
