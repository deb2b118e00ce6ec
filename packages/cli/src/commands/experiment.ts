/** `skein kill|start|pause|resume|partition|heal`: what an experiment does to a local cluster. */
import type { Command } from "commander";
import type { ClusterFile, LocalNode } from "../local/cluster-file.ts";
import { readClusterFile } from "../local/cluster-file.ts";
import type { LauncherRequest } from "../local/control.ts";
import { askLauncher } from "../local/control.ts";
import { launcherSocket, nodeDirectory } from "../local/paths.ts";
import { isOurs, killTasks, signal, taskProcesses } from "../local/processes.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, localStateDirectory, orFail, print, printJson } from "./context.ts";

export function addExperiment(program: Command): void {
  const onNode = (verb: string, description: string, act: NodeAction): void => {
    program
      .command(`${verb} <node>`)
      .description(description)
      .action((name: string, _flags: unknown, command: Command) =>
        onOneNode(verb, name, command.optsWithGlobals<GlobalOptions>(), act),
      );
  };
  onNode("kill", "Lose a machine: its processes and its tasks end at once (SIGKILL)", killNode);
  onNode("start", "Start the processes of a node that was killed", startNode);
  onNode("pause", "Freeze a node: its processes and tasks stop answering (SIGSTOP)", (target) =>
    signalNode(target, "SIGSTOP", "paused"),
  );
  onNode("resume", "Let a paused node go on (SIGCONT)", (target) =>
    signalNode(target, "SIGCONT", "resumed"),
  );
  program
    .command("partition <nodes...>")
    .description("Cut the network between groups: skein partition manager-1,worker-1 / rest")
    .action((words: string[], _flags: unknown, command: Command) =>
      partition(words, command.optsWithGlobals<GlobalOptions>()),
    );
  program
    .command("heal")
    .description("End a partition")
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalOptions>();
      report(flags, await ask(flags, { do: "cut", groups: [] }, "heal the network"));
    });
}

interface Target {
  readonly stateDir: string;
  readonly file: ClusterFile;
  readonly node: LocalNode;
  readonly flags: GlobalOptions;
}
type NodeAction = (target: Target) => string | Promise<string>;

async function onOneNode(
  verb: string,
  name: string,
  flags: GlobalOptions,
  act: NodeAction,
): Promise<void> {
  const stateDir = localStateDirectory(flags);
  const file = readClusterFile(stateDir);
  if (!file.ok) throw new CommandError(`Cannot ${verb} ${name}: ${file.error.message}`);
  const node = file.value.nodes.find((one) => one.name === name || one.id === name);
  if (node === undefined) {
    const names = file.value.nodes.map((one) => one.name).join(", ");
    throw new CommandError(`Cannot ${verb} ${name}: there is no such node (there are ${names})`);
  }
  report(flags, await act({ stateDir, file: file.value, node, flags }));
}

function livingPids({ stateDir, node }: Target): number[] {
  return Object.values(node.pids).filter(
    (pid): pid is number => pid !== undefined && isOurs(pid, nodeDirectory(stateDir, node.name)),
  );
}

function killNode(target: Target): string {
  const pids = livingPids(target);
  for (const pid of pids) signal(pid, "SIGKILL");
  const tasks = killTasks([target.node.id]);
  if (pids.length === 0 && tasks === 0) return `${target.node.name} was not running`;
  return `killed ${target.node.name}: ${pids.length} processes, ${tasks} task processes`;
}

function signalNode(target: Target, name: "SIGSTOP" | "SIGCONT", done: string): string {
  const pids = [...livingPids(target), ...taskProcesses([target.node.id])];
  if (pids.length === 0) {
    throw new CommandError(`Cannot signal ${target.node.name}: it is not running`);
  }
  for (const pid of pids) signal(pid, name);
  return `${done} ${target.node.name}: ${pids.length} processes`;
}

function startNode(target: Target): Promise<string> {
  const request = { do: "start", node: target.node.name } as const;
  return ask(target.flags, request, `start ${target.node.name}`);
}

async function partition(words: readonly string[], flags: GlobalOptions): Promise<void> {
  const stateDir = localStateDirectory(flags);
  const file = readClusterFile(stateDir);
  if (!file.ok) throw new CommandError(`Cannot cut the network: ${file.error.message}`);
  const groups = words
    .join(" ")
    .split("/")
    .map((group) => group.split(/[\s,]+/).filter((name) => name !== ""));
  const named = new Set(groups.flat().filter((name) => name !== "rest"));
  const rest = file.value.nodes.map((node) => node.name).filter((name) => !named.has(name));
  const full = groups.map((group) => group.flatMap((name) => (name === "rest" ? rest : [name])));
  if (full.length < 2) {
    throw new CommandError(
      "Cannot cut the network: name two groups, as in skein partition manager-1,worker-1 / rest",
    );
  }
  report(flags, await ask(flags, { do: "cut", groups: full }, "cut the network"));
}

async function ask(flags: GlobalOptions, request: LauncherRequest, what: string): Promise<string> {
  const answer = await askLauncher(launcherSocket(localStateDirectory(flags)), request);
  const none = "the launcher of this cluster is not running: skein down, then skein up";
  if (answer === undefined) throw new CommandError(`Cannot ${what}: ${none}`);
  return orFail(answer.ok ? { ok: true, value: answer.message } : refusal(answer.message), what);
}

function refusal(message: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error: message };
}

function report(flags: GlobalOptions, message: string): void {
  if (flags.json === true) printJson({ message });
  else print(message);
}
