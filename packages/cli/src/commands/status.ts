/** `skein status`: the cluster on one page, with every problem in words. Works without a quorum. */
import type { Command } from "commander";
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import type { ClusterFile } from "../local/cluster-file.ts";
import { readClusterFile } from "../local/cluster-file.ts";
import { nodeDirectory } from "../local/paths.ts";
import { isOurs } from "../local/processes.ts";
import { table } from "../output/table.ts";
import { call, client } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, colours, localStateDirectory, print, printJson } from "./context.ts";

export function addStatus(program: Command): void {
  program
    .command("status")
    .description("Show nodes, services and problems")
    .action((_flags: unknown, command: Command) =>
      status(command.optsWithGlobals<GlobalOptions>()),
    );
}

async function status(flags: GlobalOptions): Promise<void> {
  const what = "show the status";
  const local = readClusterFile(localStateDirectory(flags));
  const known = local.ok && flags.host === undefined ? local.value : undefined;
  try {
    const api = await client(flags, what);
    const answer = await call(api, { method: "GET", path: "/skein/v1/status" }, what);
    if (flags.json === true) printJson(answer);
    else showStatus(answer, known, flags);
  } catch (error) {
    // No manager answers: what this machine knows of its local cluster is better than nothing.
    if (!(error instanceof CommandError) || known === undefined) throw error;
    showWithoutManagers(known, flags);
    process.exitCode = 1;
  }
}

function showStatus(answer: unknown, local: ClusterFile | undefined, flags: GlobalOptions): void {
  const leader = textAt(answer, "leader", "name");
  const quorum = `${numberAt(answer, "quorum", "contact")} of ${numberAt(answer, "quorum", "voters")}`;
  const head = leader === "" ? colours.red("no leader") : `leader ${colours.bold(leader)}`;
  const stale = at(answer, "stale") === true ? colours.yellow(" (may be out of date)") : "";
  print(
    `Cluster ${colours.bold(textAt(answer, "cluster", "name"))}: ${head}, ` +
      `term ${numberAt(answer, "term")}, ${quorum} managers in contact${stale}`,
  );
  if (local !== undefined) printLauncher(local, flags);
  print("");
  const nodes = listAt(answer, "nodes").map((node) => nodeRow(node));
  for (const line of table(["NODE", "ROLE", "STATE", "AVAILABILITY", "ADDRESS"], nodes))
    print(line);
  print("");
  const services = listAt(answer, "services").map((service) => serviceRow(service));
  if (services.length === 0) print(colours.dim("No services. Try: skein demo"));
  else for (const line of table(["SERVICE", "RUNNING", "PORTS", "UPDATE"], services)) print(line);
  const problems = listAt(answer, "problems");
  if (problems.length > 0) print("");
  for (const problem of problems) {
    print(`${colours.yellow("!")} ${textAt(problem, "object")}: ${textAt(problem, "problem")}`);
    const remedy = textAt(problem, "remedy");
    if (remedy !== "") print(`  ${colours.dim(remedy)}`);
  }
}

function nodeRow(node: unknown): readonly string[] {
  const state = textAt(node, "state");
  const role = at(node, "leader") === true ? "leader" : textAt(node, "role");
  const manager = textAt(node, "processes", "manager");
  const shown = manager === "unreachable" ? `${state}, manager unreachable` : state;
  const good = state === "ready" && manager !== "unreachable";
  return [
    textAt(node, "name"),
    role === "leader" ? colours.green(role) : role,
    good ? colours.green(shown) : colours.red(shown),
    textAt(node, "availability"),
    textAt(node, "address"),
  ];
}

function serviceRow(service: unknown): readonly string[] {
  const [running, desired] = [numberAt(service, "running"), numberAt(service, "desired")];
  const ratio = `${running}/${desired}`;
  const ports = listAt(service, "ports").map(
    (port) => `${numberAt(port, "PublishedPort")}->${numberAt(port, "TargetPort")}`,
  );
  return [
    textAt(service, "name"),
    running === desired ? colours.green(ratio) : colours.yellow(ratio),
    ports.join(", "),
    textAt(service, "update", "state"),
  ];
}

function printLauncher(local: ClusterFile, flags: GlobalOptions): void {
  const pid = local.launcher?.pid;
  const directory = localStateDirectory(flags);
  if (pid !== undefined && isAlive(pid)) return;
  print(
    colours.yellow("The launcher is gone: ") +
      "nodes serve on, but a node that is started again gets only its own address.",
  );
  print(colours.dim(`  skein down && skein up brings it back (state in ${directory})`));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return Reflect.get(Object(error), "code") === "EPERM";
  }
}

function showWithoutManagers(file: ClusterFile, flags: GlobalOptions): void {
  const stateDir = localStateDirectory(flags);
  if (flags.json === true) {
    printJson({ cluster: { name: file.name }, stale: true, leader: null, nodes: file.nodes });
    return;
  }
  print(`Cluster ${colours.bold(file.name)}: ${colours.red("no manager answers")}`);
  print("");
  const rows = file.nodes.map((node) => {
    const lives = (pid: number | undefined): string =>
      pid !== undefined && isOurs(pid, nodeDirectory(stateDir, node.name)) ? `pid ${pid}` : "-";
    const manager = node.role === "manager" ? lives(node.pids.manager) : "";
    return [node.name, node.role, manager, lives(node.pids.worker), node.address];
  });
  for (const line of table(["NODE", "ROLE", "MANAGER", "WORKER", "ADDRESS"], rows)) print(line);
  print("");
  print("Start what ended: skein start <node>; or all of it: skein down && skein up");
}
