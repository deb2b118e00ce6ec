/** `skein node …`: Docker's noun and flags. */
import { evenManagers } from "@skein/common/model/manager-count";
import type { Command } from "commander";
import { Option } from "commander";
import type { ApiClient } from "../api/client.ts";
import { at, textAt } from "../api/read.ts";
import { table } from "../output/table.ts";
import {
  call,
  change,
  client,
  compareNodes,
  filterQuery,
  isLeader,
  list,
  listAtTime,
} from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { print, printJson } from "./context.ts";
import { examples } from "./help.ts";
import type { EngineSpec } from "./spec.ts";
import { objectAt } from "./spec.ts";
import type { ListFlags } from "./tasks.ts";
import { addListFlags, printTasks } from "./tasks.ts";
import { collect, keyAndValue } from "./values.ts";

interface UpdateFlags extends GlobalOptions {
  readonly availability?: string;
  readonly role?: string;
  readonly labelAdd?: readonly string[];
  readonly labelRm?: readonly string[];
}

type RemoveFlags = GlobalOptions & { readonly force?: boolean };

const STATES = ["active", "pause", "drain"];

export function addNode(program: Command): void {
  const node = program.command("node").description("Manage nodes");
  addShow(node);
  node
    .command("update <node>")
    .description("Change availability, labels or role of a node")
    .addOption(new Option("--availability <state>", "of new tasks").choices(STATES))
    .addOption(new Option("--role <role>", "manager or worker").choices(["manager", "worker"]))
    .option("--label-add <label>", "add or change a label, key=value", collect)
    .option("--label-rm <key>", "remove a label", collect)
    .addHelpText(
      "after",
      examples(
        "skein node update --availability drain worker-1",
        "skein node update --label-add zone=a worker-2",
      ),
    )
    .action((name: string, _flags: unknown, command: Command) =>
      update(name, command.optsWithGlobals<UpdateFlags>()),
    );
  addRole(node, "promote", "manager");
  addRole(node, "demote", "worker");
  node
    .command("rm <node...>")
    .description("Remove nodes that are down")
    .option("--force", "even if it is not down")
    .addHelpText("after", examples("skein node rm worker-3"))
    .action((names: string[], _flags: unknown, command: Command) =>
      remove(names, command.optsWithGlobals<RemoveFlags>()),
    );
}

function addRole(node: Command, verb: "promote" | "demote", role: "manager" | "worker"): void {
  node
    .command(`${verb} <node...>`)
    .description(`Make nodes ${role}s`)
    .addHelpText("after", examples(`skein node ${verb} ${role}-2`))
    .action(async (names: string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalOptions>();
      for (const name of names) await setRole(name, { verb, role, flags });
    });
}

async function setRole(
  name: string,
  wanted: {
    readonly verb: "promote" | "demote";
    readonly role: string;
    readonly flags: GlobalOptions;
  },
): Promise<void> {
  const { verb, role, flags } = wanted;
  const what = `${verb} node ${name}`;
  const api = await client(flags, what);
  let before = "";
  const edit = (node: unknown): EngineSpec => {
    before = textAt(node, "Spec", "Role");
    // A copy of what the API sent: JSON, with string keys.
    return { ...(structuredClone(at(node, "Spec")) as EngineSpec), Role: role };
  };
  await change({ api, kind: "nodes", name, what, edit });
  if (flags.json === true) printJson({ name, role, changed: before !== role });
  else if (before === role) print(`Node ${name} is a ${role} already.`);
  else {
    print(`Node ${name} ${verb}d in the swarm.`);
    await remarkManagers(api, what);
  }
}

/** An even number of managers buys nothing: said when it comes about. */
async function remarkManagers(api: ApiClient, what: string): Promise<void> {
  const nodes = await list(api, { path: "/nodes" }, what);
  const even = evenManagers(
    nodes.filter((one) => textAt(one, "Spec", "Role") === "manager").length,
  );
  if (even !== undefined) print(even);
}

function addShow(node: Command): void {
  addListFlags(node.command("ls").description("List nodes"))
    .addHelpText("after", examples("skein node ls", "skein node ls --filter role=worker"))
    .action((_flags: unknown, command: Command) => listNodes(command.optsWithGlobals<ListFlags>()));
  node
    .command("inspect <node...>")
    .description("Show nodes as JSON")
    .addHelpText("after", examples("skein node inspect worker-1"))
    .action(async (names: string[], _flags: unknown, command: Command) => {
      const found: unknown[] = [];
      for (const name of names) {
        const what = `inspect node ${name}`;
        const api = await client(command.optsWithGlobals<GlobalOptions>(), what);
        const path = `/nodes/${encodeURIComponent(name)}`;
        found.push(await call(api, { method: "GET", path }, what));
      }
      print(JSON.stringify(found, null, 2));
    });
  addListFlags(node.command("ps <node...>").description("List the tasks of nodes"))
    .option("--no-trunc", "whole ids")
    .addHelpText("after", examples("skein node ps worker-1"))
    .action(async (names: string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ListFlags>();
      const what = `list the tasks of ${names.join(", ")}`;
      const api = await client(flags, what);
      const ids: string[] = [];
      for (const name of names) {
        const path = `/nodes/${encodeURIComponent(name)}`;
        ids.push(`node=${textAt(await call(api, { method: "GET", path }, what), "ID")}`);
      }
      await printTasks(api, ids, flags);
    });
}

async function update(name: string, flags: UpdateFlags): Promise<void> {
  const what = `update node ${name}`;
  const api = await client(flags, what);
  const edit = (node: unknown): EngineSpec => {
    // A copy of what the API sent: JSON, with string keys.
    const spec = structuredClone(at(node, "Spec")) as EngineSpec;
    const labels = objectAt(spec, "Labels");
    Object.assign(labels, Object.fromEntries((flags.labelAdd ?? []).map(keyAndValue)));
    for (const key of flags.labelRm ?? []) delete labels[key];
    if (flags.availability !== undefined) spec["Availability"] = flags.availability;
    if (flags.role !== undefined) spec["Role"] = flags.role;
    return spec;
  };
  const { found } = await change({ api, kind: "nodes", name, what, edit });
  if (flags.json === true) printJson({ id: textAt(found, "ID"), name });
  else print(name);
}

async function remove(names: readonly string[], flags: RemoveFlags): Promise<void> {
  const api = await client(flags, `remove node ${names.join(", ")}`);
  const query: Record<string, string> = flags.force === true ? { force: "1" } : {};
  for (const name of names) {
    const path = `/nodes/${encodeURIComponent(name)}`;
    await call(api, { method: "DELETE", path, query }, `remove node ${name}`);
    if (flags.json !== true) print(name);
  }
  if (flags.json === true) printJson({ removed: names });
}

async function listNodes(flags: ListFlags): Promise<void> {
  const what = "list nodes";
  const api = await client(flags, what);
  const query = filterQuery(flags.filter ?? [], what);
  const found =
    flags.at === undefined
      ? await list(api, { path: "/nodes", query }, what)
      : await listAtTime(api, { list: "nodes", time: flags.at }, what);
  const nodes = [...found].sort(compareNodes);
  if (flags.json === true) return printJson(nodes);
  if (flags.quiet === true) return nodes.forEach((node) => print(textAt(node, "ID")));
  const rows = nodes.map((node) => [
    textAt(node, "ID").slice(0, 12),
    textAt(node, "Description", "Hostname"),
    textAt(node, "Status", "State"),
    textAt(node, "Spec", "Availability"),
    isLeader(node) ? "leader" : textAt(node, "ManagerStatus", "Reachability"),
    textAt(node, "Status", "Addr"),
  ]);
  const headings = ["ID", "HOSTNAME", "STATUS", "AVAILABILITY", "MANAGER STATUS", "ADDRESS"];
  for (const line of table(headings, rows)) print(line);
}
