/** `skein status`: the cluster on one page, with every problem in words. Works without a quorum. */
import type { Command } from "commander";
import { ApiClient } from "../api/client.ts";
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import { READY_LOOK_MS } from "../limits.ts";
import type { ClusterFile } from "../local/cluster-file.ts";
import { byName, socketPath } from "../local/cluster-file.ts";
import { askLauncher } from "../local/control.ts";
import { launcherSocket } from "../local/paths.ts";
import { livingNodes, livingPids } from "../local/processes.ts";
import { runtimeDirectory } from "../local/state.ts";
import { table } from "../output/table.ts";
import { plural } from "../output/text.ts";
import { call, client, compareNames } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, colours, localCluster, print, printJson } from "./context.ts";
import { examples } from "./help.ts";

const PROBLEMS_TIMEOUT_MS = 40 * READY_LOOK_MS;

interface Local {
  readonly stateDir: string;
  readonly file: ClusterFile;
}

export function addStatus(program: Command): void {
  program
    .command("status")
    .description("Show nodes, services and problems")
    .addHelpText("after", examples("skein status", "skein status --json"))
    .action((_flags: unknown, command: Command) =>
      status(command.optsWithGlobals<GlobalOptions>()),
    );
}

async function status(flags: GlobalOptions): Promise<void> {
  const what = "show the status";
  const local = localCluster(flags);
  try {
    const api = await client(flags, what);
    const answer = await bestAnswer(api, local, what);
    const remarks = local === undefined ? [] : await launcherRemarks(local);
    if (flags.json === true) printJson({ ...Object(answer), launcher: remarks });
    else showStatus(answer, remarks);
  } catch (error) {
    // No manager answers: what this machine knows of its local cluster is better than nothing.
    if (!(error instanceof CommandError) || local === undefined) throw error;
    if (livingNodes(local.stateDir, local.file).length === 0) throw error;
    showWithoutManagers(local, flags);
    process.exitCode = 1;
  }
}

/** A manager that lags or is cut off knows that it does: another may know better. */
async function bestAnswer(
  api: ApiClient,
  local: Local | undefined,
  what: string,
): Promise<unknown> {
  const request = { method: "GET", path: "/skein/v1/status" } as const;
  const first = await call(api, request, what);
  if (at(first, "stale") !== true || local === undefined) return first;
  for (const node of local.file.nodes.filter((one) => one.role === "manager")) {
    const other = new ApiClient([socketPath(node.api)]);
    const answer = await other.call({ ...request, timeoutMs: PROBLEMS_TIMEOUT_MS, once: true });
    if (answer.ok && at(answer.value, "stale") === false) return answer.value;
  }
  return first;
}

function showStatus(answer: unknown, remarks: readonly string[]): void {
  const leader = textAt(answer, "leader", "name");
  const [contact, voters] = [
    numberAt(answer, "quorum", "contact"),
    numberAt(answer, "quorum", "voters"),
  ];
  const head = leader === "" ? colours.red("no leader") : `leader ${colours.bold(leader)}`;
  const stale = at(answer, "stale") === true ? colours.yellow(" (may be out of date)") : "";
  print(
    `Cluster ${colours.bold(textAt(answer, "cluster", "name"))}: ${head}, ` +
      `term ${numberAt(answer, "term")}, ` +
      `${contact} of ${plural(voters, "manager")} in contact${stale}`,
  );
  print("");
  const nodes = [...listAt(answer, "nodes")].sort(compareRows).map(nodeRow);
  for (const line of table(["NODE", "ROLE", "STATE", "AVAILABILITY", "ADDRESS"], nodes)) {
    print(line);
  }
  print("");
  const services = [...listAt(answer, "services")]
    .sort((a, b) => compareNames(textAt(a, "name"), textAt(b, "name")))
    .map(serviceRow);
  if (services.length === 0) print(colours.dim("No services. Try: skein demo"));
  else for (const line of table(["SERVICE", "RUNNING", "PORTS", "UPDATE"], services)) print(line);
  const problems = listAt(answer, "problems");
  if (problems.length + remarks.length > 0) print("");
  for (const line of remarks) print(`${colours.yellow("!")} ${line}`);
  for (const problem of problems) {
    print(`${colours.yellow("!")} ${textAt(problem, "object")}: ${textAt(problem, "problem")}`);
    const remedy = textAt(problem, "remedy");
    if (remedy !== "") print(`  ${colours.dim(remedy)}`);
  }
}

/** Managers first, each by name. */
function compareRows(a: unknown, b: unknown): number {
  const key = (row: unknown): { readonly name: string; readonly role: string } => ({
    name: textAt(row, "name"),
    role: textAt(row, "role"),
  });
  return byName(key(a), key(b));
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

/** What the launcher has to say, or that it is gone. */
async function launcherRemarks({ stateDir }: Local): Promise<readonly string[]> {
  const path = launcherSocket(runtimeDirectory(stateDir));
  const answer = await askLauncher(path, { do: "problems" }, PROBLEMS_TIMEOUT_MS);
  if (answer !== undefined) return answer.message.split("\n").filter((line) => line !== "");
  return [
    "the launcher is gone: nodes serve on, one that is started again gets only its own address " +
      "(skein down, then skein up brings it back)",
  ];
}

function showWithoutManagers({ stateDir, file }: Local, flags: GlobalOptions): void {
  const nodes = [...file.nodes].sort(byName);
  if (flags.json === true) {
    const alive = nodes.map((node) => ({
      ...node,
      pids: Object.fromEntries(
        Object.entries(node.pids).filter(([, pid]) => livingPids(stateDir, node).includes(pid)),
      ),
    }));
    return printJson({ cluster: { name: file.name }, stale: true, leader: null, nodes: alive });
  }
  print(`Cluster ${colours.bold(file.name)}: ${colours.red("no manager answers")}`);
  print("");
  const rows = nodes.map((node) => {
    const living = livingPids(stateDir, node);
    const shown = (pid: number | undefined): string =>
      pid !== undefined && living.includes(pid) ? `pid ${pid}` : "-";
    const manager = node.role === "manager" ? shown(node.pids.manager) : "";
    return [node.name, node.role, manager, shown(node.pids.worker), node.address];
  });
  for (const line of table(["NODE", "ROLE", "MANAGER", "WORKER", "ADDRESS"], rows)) print(line);
  print("");
  const down = nodes.filter((node) => node.role === "manager").map((node) => node.name);
  print(`Start the managers: skein start ${down.join(" ")}`);
}
