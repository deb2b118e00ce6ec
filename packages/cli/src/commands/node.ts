/** `skein node …`: Docker's noun and flags. */
import type { Command } from "commander";
import { Option } from "commander";
import type { ApiClient } from "../api/client.ts";
import { at, textAt } from "../api/read.ts";
import { table } from "../output/table.ts";
import { call, client, list, versionOf } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { print, printJson } from "./context.ts";
import { collect } from "./service-spec.ts";
import { printTasks } from "./tasks.ts";

interface UpdateFlags extends GlobalOptions {
  readonly availability?: string;
  readonly labelAdd?: readonly string[];
  readonly labelRm?: readonly string[];
}

export function addNode(program: Command): void {
  const node = program.command("node").description("Manage nodes");
  node
    .command("ls")
    .description("List nodes")
    .action((_flags: unknown, command: Command) => listNodes(command.optsWithGlobals()));
  node
    .command("inspect <node>")
    .description("Show a node as JSON")
    .action(async (name: string, _flags: unknown, command: Command) => {
      const api = await client(command.optsWithGlobals<GlobalOptions>(), `inspect node ${name}`);
      print(JSON.stringify(await get(api, name, `inspect node ${name}`), null, 2));
    });
  node
    .command("ps <node>")
    .description("List the tasks of a node")
    .action(async (name: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalOptions>();
      const api = await client(flags, `list the tasks of ${name}`);
      const found = await get(api, name, `list the tasks of ${name}`);
      await printTasks(api, { node: textAt(found, "ID") }, flags);
    });
  node
    .command("update <node>")
    .description("Change availability or labels of a node")
    .addOption(
      new Option("--availability <state>", "active, pause or drain").choices([
        "active",
        "pause",
        "drain",
      ]),
    )
    .option("--label-add <label>", "add or change a label, key=value", collect)
    .option("--label-rm <key>", "remove a label", collect)
    .action((name: string, _flags: unknown, command: Command) =>
      update(name, command.optsWithGlobals<UpdateFlags>()),
    );
  node
    .command("rm <node...>")
    .description("Remove nodes that are down")
    .option("-f, --force", "even if it is not down")
    .action(async (names: string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalOptions & { readonly force?: boolean }>();
      const api = await client(flags, "remove nodes");
      for (const name of names) {
        const query: Record<string, string> = flags.force === true ? { force: "1" } : {};
        const path = `/nodes/${encodeURIComponent(name)}`;
        await call(api, { method: "DELETE", path, query }, `remove node ${name}`);
        print(name);
      }
    });
}

function get(api: ApiClient, name: string, what: string): Promise<unknown> {
  return call(api, { method: "GET", path: `/nodes/${encodeURIComponent(name)}` }, what);
}

async function update(name: string, flags: UpdateFlags): Promise<void> {
  const what = `update node ${name}`;
  const api = await client(flags, what);
  const found = await get(api, name, what);
  const spec = Object(structuredClone(at(found, "Spec")));
  const labels: Record<string, string> = { ...Object(at(spec, "Labels")) };
  for (const label of flags.labelAdd ?? []) {
    const split = label.indexOf("=");
    labels[split < 0 ? label : label.slice(0, split)] = split < 0 ? "" : label.slice(split + 1);
  }
  for (const key of flags.labelRm ?? []) delete labels[key];
  Object.assign(spec, { Labels: labels });
  if (flags.availability !== undefined) Object.assign(spec, { Availability: flags.availability });
  const path = `/nodes/${textAt(found, "ID")}/update`;
  await call(api, { method: "POST", path, query: { version: versionOf(found) }, body: spec }, what);
  print(name);
}

async function listNodes(flags: GlobalOptions): Promise<void> {
  const api = await client(flags, "list nodes");
  const nodes = await list(api, "/nodes", "list nodes");
  if (flags.json === true) {
    printJson(nodes);
    return;
  }
  const rows = nodes.map((node) => [
    textAt(node, "ID").slice(0, 12),
    textAt(node, "Description", "Hostname"),
    textAt(node, "Status", "State"),
    textAt(node, "Spec", "Availability"),
    at(node, "ManagerStatus", "Leader") === true
      ? "leader"
      : textAt(node, "ManagerStatus", "Reachability"),
    textAt(node, "Status", "Addr"),
  ]);
  const headings = ["ID", "HOSTNAME", "STATUS", "AVAILABILITY", "MANAGER STATUS", "ADDRESS"];
  for (const line of table(headings, rows)) print(line);
}
