/**
 * `skein doctor`: is there a majority, who is missing since when, what is wrong with logs and
 * disks, and what to do. `skein force-new-cluster`: the last of its remedies.
 */
import { existsSync, readdirSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { evenManagers, majorityOf } from "@skein/common/model/manager-count";
import type { Command } from "commander";
import { ApiClient } from "../api/client.ts";
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import { DISK_FREE_BYTES_LOW, DOCTOR_ANSWER_MS, READY_LOOK_MS } from "../limits.ts";
import type { LocalNode } from "../local/cluster-file.ts";
import { byName, socketPath } from "../local/cluster-file.ts";
import type { Target } from "../local/nodes.ts";
import { startNode } from "../local/nodes.ts";
import { nodeDirectory } from "../local/paths.ts";
import { livingPids, signal } from "../local/processes.ts";
import { plural } from "../output/text.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, colours, localCluster, orFail, print, printJson } from "./context.ts";
import { examples } from "./help.ts";

interface Local {
  readonly stateDir: string;
  readonly managers: readonly LocalNode[];
}

interface Finding {
  readonly object: string;
  readonly problem: string;
  readonly remedy: string;
}

/** What one manager says, or that it says nothing. */
interface Answer {
  readonly node: LocalNode;
  readonly status: unknown;
  readonly runs: boolean;
}

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("Find what is wrong with the managers, and say what to do")
    .addHelpText("after", examples("skein doctor", "skein doctor --json"))
    .action((_flags: unknown, command: Command) =>
      doctor(command.optsWithGlobals<GlobalOptions>()),
    );
  program
    .command("force-new-cluster <node>")
    .description("Go on with one manager alone: when a majority of them is gone for good")
    .addHelpText("after", examples("skein force-new-cluster manager-1"))
    .action((name: string, _flags: unknown, command: Command) =>
      forceNewCluster(name, command.optsWithGlobals<GlobalOptions>()),
    );
}

async function doctor(flags: GlobalOptions): Promise<void> {
  const local = found(flags, "examine the cluster");
  const answers = await Promise.all(local.managers.map((node) => ask(local, node)));
  const summary = quorumLine(answers);
  const findings = [
    ...missing(answers),
    ...local.managers.flatMap((node) => storageFindings(local, node)),
    ...diskFindings(local),
  ];
  if (flags.json === true) return printJson({ quorum: summary, findings });
  print(summary.text);
  for (const { object, problem, remedy } of findings) {
    print(`${colours.yellow("!")} ${object}: ${problem}`);
    if (remedy !== "") print(`  ${colours.dim(remedy)}`);
  }
  if (findings.length === 0) print(colours.green("Nothing is wrong."));
  if (!summary.hasQuorum) process.exitCode = 1;
}

async function forceNewCluster(name: string, flags: GlobalOptions): Promise<void> {
  const what = "force a new cluster";
  const local = found(flags, what);
  const node = local.managers.find((one) => one.name === name);
  if (node === undefined) throw new CommandError(`Cannot ${what}: there is no manager ${name}`);
  const answers = await Promise.all(local.managers.map((one) => ask(local, one)));
  const led = answers.find(({ status }) => at(status, "stale") === false);
  if (led !== undefined) {
    const leader = textAt(led.status, "leader", "name");
    const other = "skein node demote NODE, or skein node rm --force NODE, takes the lost ones out";
    throw new CommandError(`Cannot ${what}: there is a majority, led by ${leader}: ${other}`);
  }
  for (const pid of livingPids(local.stateDir, node)) {
    if (pid === node.pids.manager) signal(pid, "SIGKILL");
  }
  await gone(local, node);
  // Consumed by the manager process when it has written its new configuration.
  const marker = join(nodeDirectory(local.stateDir, name), "force-new-cluster");
  writeFileSync(marker, "", { mode: 0o600 });
  await startWith(marker, { stateDir: local.stateDir, node }, what);
  const others = local.managers.filter((one) => one !== node).map((one) => one.name);
  if (flags.json === true) return printJson({ manager: name, left: others });
  print(`${name} is the only manager now; what its log held is kept.`);
  if (others.length === 0) return;
  print(`Each of ${others.join(", ")} that comes back is refused once, and joins again when it`);
  print(`is started after that: skein start ${others.join(" ")}`);
}

/** The launcher may not have seen the end of the killed process yet: then it starts nothing. */
async function startWith(marker: string, target: Target, what: string): Promise<void> {
  const deadline = Date.now() + 10 * DOCTOR_ANSWER_MS;
  do {
    orFail(await startNode(target), what);
    if (!existsSync(marker)) return;
    await new Promise((resolve) => setTimeout(resolve, READY_LOOK_MS));
  } while (Date.now() < deadline);
  throw new CommandError(`Cannot ${what}: ${target.node.name} did not take it: see its log`);
}

async function gone(local: Local, node: LocalNode): Promise<void> {
  const deadline = Date.now() + DOCTOR_ANSWER_MS;
  const { manager } = node.pids;
  while (Date.now() < deadline) {
    if (manager === undefined || !livingPids(local.stateDir, node).includes(manager)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function found(flags: GlobalOptions, what: string): Local {
  const local = localCluster(flags);
  if (local === undefined) throw new CommandError(`Cannot ${what}: there is no local cluster here`);
  const nodes = [...local.file.nodes].sort(byName);
  return {
    stateDir: local.stateDir,
    managers: nodes.filter((node) => node.role === "manager"),
  };
}

async function ask(local: Local, node: LocalNode): Promise<Answer> {
  const pid = node.pids.manager;
  const runs = pid !== undefined && livingPids(local.stateDir, node).includes(pid);
  const api = new ApiClient([socketPath(node.api)]);
  const request = { method: "GET", path: "/skein/v1/status", once: true } as const;
  const answer = await api.call({ ...request, timeoutMs: DOCTOR_ANSWER_MS });
  return { node, runs, status: answer.ok ? answer.value : undefined };
}

function quorumLine(answers: readonly Answer[]) {
  const best = bestOf(answers);
  const [voters, contact] = [
    numberAt(best, "quorum", "voters"),
    numberAt(best, "quorum", "contact"),
  ];
  if (voters === 0) return { hasQuorum: false, text: "No manager answers." };
  const needed = majorityOf(voters);
  const leader = textAt(best, "leader", "name");
  const hasQuorum = at(best, "stale") === false;
  const led = hasQuorum ? `led by ${leader}` : "no leader";
  const spare = contact - needed;
  const more = spare > 0 ? `${spare} more may fail` : "none may fail";
  const head = `${contact} of ${plural(voters, "manager")} in contact, ${needed} are needed`;
  const text = `${head}: ${hasQuorum ? `${led}, ${more}` : `${led}, changes are refused`}`;
  const even = evenManagers(voters);
  return { hasQuorum, text: even === undefined ? text : `${text}\n${even}` };
}

/** The one that leads; else the one that is in contact with most. */
function bestOf(answers: readonly Answer[]): unknown {
  const heard = answers.filter(({ status }) => status !== undefined);
  const led = heard.find(({ status }) => at(status, "stale") === false);
  const contact = (answer: Answer): number => numberAt(answer.status, "quorum", "contact");
  return (led ?? [...heard].sort((a, b) => contact(b) - contact(a))[0])?.status;
}

function missing(answers: readonly Answer[]): readonly Finding[] {
  const best = bestOf(answers);
  const known = answers.flatMap((answer): readonly Finding[] => {
    const { node, runs, status } = answer;
    const object = `manager ${node.name}`;
    if (status !== undefined && runs) return [];
    if (!runs) {
      const problem = `its process does not run${silence(best, node)}`;
      return [{ object, problem, remedy: `skein start ${node.name}` }];
    }
    const problem = `its process runs and does not answer${silence(best, node)}`;
    return [{ object, problem, remedy: `it is stopped, or stuck: skein resume ${node.name}` }];
  });
  if (at(best, "stale") === false || known.length === 0) return known;
  const remedy = "if they are gone for good: skein force-new-cluster on the manager that is left";
  return [...known, { object: "cluster", problem: "a majority is missing", remedy }];
}

function silence(best: unknown, node: LocalNode): string {
  const member = listAt(best, "members").find((one) => textAt(one, "nodeId") === node.id);
  if (member === undefined || at(member, "silentMs") === undefined) return "";
  return `, silent for ${Math.round(numberAt(member, "silentMs") / 1000)} s`;
}

function storageFindings({ stateDir }: Local, node: LocalNode): readonly Finding[] {
  const directory = join(nodeDirectory(stateDir, node.name), "manager");
  const object = `manager ${node.name}`;
  if (!existsSync(join(directory, "raft"))) {
    const remedy = `skein start ${node.name} brings it back as a new member`;
    return [{ object, problem: "its log is gone", remedy }];
  }
  const aside = readdirSync(directory).filter((name) => name.startsWith("raft.lost-"));
  if (aside.length === 0) return [];
  const bytes = aside.reduce((sum, name) => sum + sizeOf(join(directory, name)), 0);
  const problem = `${plural(aside.length, "former log")} kept aside, ${megabytes(bytes)}`;
  return [{ object, problem, remedy: `nothing needs them: rm -r ${directory}/raft.lost-*` }];
}

function diskFindings({ stateDir }: Local): readonly Finding[] {
  const { bavail, bsize } = statfsSync(stateDir);
  const free = bavail * bsize;
  if (free >= DISK_FREE_BYTES_LOW) return [];
  const problem = `${megabytes(free)} are free: a full disk stops the managers' logs`;
  return [{ object: stateDir, problem, remedy: "free some space" }];
}

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce(
    (sum, name) => sum + statSync(join(directory, name)).size,
    0,
  );
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
