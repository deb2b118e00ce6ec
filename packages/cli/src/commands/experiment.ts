/** `skein kill|start|pause|resume|partition|heal`: what an experiment does to a local cluster. */

import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Command } from "commander";
import { textAt } from "../api/read.ts";
import { DOWN_ANSWER_MS } from "../limits.ts";
import type { ClusterFile, LocalNode } from "../local/cluster-file.ts";
import { readClusterFile } from "../local/cluster-file.ts";
import type { LauncherRequest } from "../local/control.ts";
import { askLauncher } from "../local/control.ts";
import type { Target } from "../local/nodes.ts";
import { killNode, pauseNode, resumeNode, startNode } from "../local/nodes.ts";
import { launcherSocket } from "../local/paths.ts";
import { runtimeDirectory } from "../local/state.ts";
import { client, isLeader, list } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, localStateDirectory, orFail, print, printJson } from "./context.ts";
import { examples } from "./help.ts";
import { describeAftermath, watchAftermath } from "./kill-aftermath.ts";

interface Verb {
  readonly verb: string;
  readonly description: string;
  readonly examples: readonly string[];
  readonly act: (target: Target) => Result<string, string> | Promise<Result<string, string>>;
}

const VERBS: readonly Verb[] = [
  {
    verb: "start",
    description: "Start what does not run of nodes",
    examples: ["skein start worker-1", "skein start manager-1 worker-1"],
    act: startNode,
  },
  {
    verb: "pause",
    description: "Freeze nodes: their processes and tasks stop answering (SIGSTOP)",
    examples: ["skein pause manager-2"],
    act: pauseNode,
  },
  {
    verb: "resume",
    description: "Let paused nodes go on (SIGCONT)",
    examples: ["skein resume manager-2"],
    act: resumeNode,
  },
];

interface KillFlags extends GlobalOptions {
  /** Absent: on a terminal. */
  readonly timeline?: boolean;
}

export function addExperiment(program: Command): void {
  addKill(program);
  for (const verb of VERBS) {
    program
      .command(`${verb.verb} <node...>`)
      .description(verb.description)
      .addHelpText("after", examples(...verb.examples))
      .action((names: string[], _flags: unknown, command: Command) =>
        onNodes(verb, names, command.optsWithGlobals<GlobalOptions>()),
      );
  }
  program
    .command("partition <nodes...>")
    .description("Cut the network between groups of nodes, separated by /")
    .option("--one-way", "what the first group sends is lost; it still hears the other")
    .addHelpText(
      "after",
      examples(
        "skein partition manager-1 / rest",
        "skein partition manager-1,worker-1 / manager-2,manager-3,worker-2",
        "skein partition manager-1 / rest --one-way",
      ),
    )
    .action((words: string[], _flags: unknown, command: Command) =>
      partition(words, command.optsWithGlobals<PartitionFlags>()),
    );
  program
    .command("heal")
    .description("End a partition")
    .addHelpText("after", examples("skein heal"))
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalOptions>();
      const what = "heal the network";
      const { stateDir } = cluster(flags, what);
      report(flags, [await ask(stateDir, { do: "cut", groups: [] }, what)]);
    });
}

function addKill(program: Command): void {
  program
    .command("kill <node...>")
    .description("Lose machines: their processes and tasks end at once (SIGKILL)")
    .option("--timeline", "show what followed; on a terminal it is shown anyway")
    .option("--no-timeline", "return at once")
    .addHelpText("after", examples("skein kill worker-1", "skein kill leader"))
    .action((names: string[], _flags: unknown, command: Command) =>
      kill(names, command.optsWithGlobals<KillFlags>()),
    );
}

async function kill(names: readonly string[], flags: KillFlags): Promise<void> {
  const { stateDir, file } = cluster(flags, `kill ${names.join(", ")}`);
  const killed: LocalNode[] = [];
  for (const name of names) killed.push(await nodeCalled(name, { file, flags, verb: "kill" }));
  const said: string[] = [];
  const act = (): void => {
    for (const node of killed) said.push(killNode({ stateDir, node }));
  };
  const isWatched = flags.timeline ?? (process.stdout.isTTY === true && flags.json !== true);
  if (!isWatched) {
    act();
    return report(flags, said);
  }
  const followed = await watchAftermath({ stateDir, file, killed, flags }, act);
  if (flags.json === true) return printJson({ messages: said, ...followed });
  report(flags, said);
  for (const line of describeAftermath(followed)) print(line);
}

async function onNodes(
  { verb, act }: Verb,
  names: readonly string[],
  flags: GlobalOptions,
): Promise<void> {
  const { stateDir, file } = cluster(flags, `${verb} ${names.join(", ")}`);
  const targets: LocalNode[] = [];
  for (const name of names) targets.push(await nodeCalled(name, { file, flags, verb }));
  const said: string[] = [];
  for (const node of targets) {
    said.push(orFail(await act({ stateDir, node }), `${verb} ${node.name}`));
  }
  report(flags, said);
}

function cluster(
  flags: GlobalOptions,
  what: string,
): { readonly stateDir: string; readonly file: ClusterFile } {
  const stateDir = localStateDirectory(flags, what);
  const file = readClusterFile(stateDir);
  if (file.ok) return { stateDir, file: file.value };
  throw new CommandError(`Cannot ${what}: ${file.error.message}`);
}

interface Naming {
  readonly file: ClusterFile;
  readonly flags: GlobalOptions;
  readonly verb: string;
}

/** By name or id; "leader" is whoever leads now. */
async function nodeCalled(name: string, { file, flags, verb }: Naming): Promise<LocalNode> {
  const what = `${verb} ${name}`;
  const known = file.nodes.find((one) => one.name === name || one.id === name);
  if (known !== undefined) return known;
  if (name === "leader") {
    const nodes = await list(await client(flags, what), { path: "/nodes" }, what);
    const id = textAt(nodes.find(isLeader), "ID");
    const leader = file.nodes.find((one) => one.id === id);
    if (leader !== undefined) return leader;
    throw new CommandError(`Cannot ${what}: no manager leads at the moment: skein status`);
  }
  const names = file.nodes.map((one) => one.name).join(", ");
  throw new CommandError(`Cannot ${what}: there is no such node: there are ${names}`);
}

type PartitionFlags = GlobalOptions & { readonly oneWay?: boolean };

async function partition(words: readonly string[], flags: PartitionFlags): Promise<void> {
  const what = "cut the network";
  const { stateDir, file } = cluster(flags, what);
  const all = file.nodes.map((node) => node.name);
  const groups = orFail(groupsOf(words, all), what);
  const oneWay = flags.oneWay === true;
  if (oneWay && groups.length > 2) {
    throw new CommandError(`Cannot ${what}: one way is from one group to one other: name two`);
  }
  report(flags, [await ask(stateDir, { do: "cut", groups, ...(oneWay && { oneWay }) }, what)]);
}

/** "a,b / c" or "a b / rest" to lists of names. */
export function groupsOf(
  words: readonly string[],
  all: readonly string[],
): Result<readonly (readonly string[])[], string> {
  const groups = words
    .join(" ")
    .split("/")
    .map((group) => group.split(/[\s,]+/).filter((name) => name !== ""));
  if (groups.length < 2 || groups.some((group) => group.length === 0)) {
    return fail("name two groups with a / between them: skein partition manager-1 / rest");
  }
  const named = groups.flat().filter((name) => name !== "rest");
  for (const [at, name] of named.entries()) {
    if (!all.includes(name)) return fail(`there is no node ${name}: there are ${all.join(", ")}`);
    if (named.indexOf(name) !== at) return fail(`${name} is named twice`);
  }
  const rest = all.filter((name) => !named.includes(name));
  return ok(groups.map((group) => group.flatMap((name) => (name === "rest" ? rest : [name]))));
}

async function ask(stateDir: string, request: LauncherRequest, what: string): Promise<string> {
  const path = launcherSocket(runtimeDirectory(stateDir));
  const answer = await askLauncher(path, request, DOWN_ANSWER_MS);
  if (answer?.ok === true) return answer.message;
  const none = "the launcher of this cluster does not run: skein down, then skein up";
  throw new CommandError(`Cannot ${what}: ${answer?.message ?? none}`);
}

function report(flags: GlobalOptions, messages: readonly string[]): void {
  if (flags.json === true) printJson({ messages });
  else for (const message of messages) print(message);
}
