/**
 * Finds out, by asking a running cluster, which endpoints, commands and flags of Docker are there:
 * docs/DOCKER-API.md is what came of it (scripts/docker-api.ts), and a test asks again.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROUTES } from "@skein/common/api/routes";
import type { LocalCluster } from "../../support/local-cluster.ts";
import { REPOSITORY } from "../../support/local-cluster.ts";
import { until } from "../../support/wait.ts";
import type { Command } from "./commands.ts";
import { COMMANDS } from "./commands.ts";
import { LIMITED, SAMPLES } from "./endpoints.ts";

/** `untried`: nobody knows. */
export type Verdict = "yes" | "limited" | "no" | "untried";

export interface Finding {
  /** "GET /services", "service create", "service create --name". */
  readonly what: string;
  readonly verdict: Verdict;
  /** Of `limited` and `no`. */
  readonly reason: string;
}

export interface Survey {
  readonly endpoints: readonly Finding[];
  readonly commands: readonly Finding[];
}

export interface SurveyOptions {
  readonly cli: string;
  /** Whose flags are tried, too; all of them unless told otherwise. */
  readonly withFlags?: (command: string) => boolean;
}

export async function survey(cluster: LocalCluster, options: SurveyOptions): Promise<Survey> {
  const { cli, withFlags = () => true } = options;
  const docker = (args: readonly string[], input = ""): Promise<Ran> =>
    run(cluster, { cli, args, input });
  await prepare(cluster, docker);
  const commands: Finding[] = [];
  for (const command of COMMANDS) {
    commands.push(finding(command.name, await tryOnce(command, docker, [])));
    if (withFlags(command.name)) commands.push(...(await tryFlags(command, docker)));
  }
  return { endpoints: await tryEndpoints(cluster), commands };
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

type Docker = (args: readonly string[], input?: string) => Promise<Ran>;

const SLEEP = ["host", "sleep", "6000"];

async function prepare(cluster: LocalCluster, docker: Docker): Promise<void> {
  const at = ["--workdir", REPOSITORY, "--stop-grace-period", "1s"];
  await docker(["service", "create", "-d", "--name", "web", "--replicas", "2", ...at, ...SLEEP]);
  for (const name of ["gone", "over"]) {
    const once = ["--restart-condition", "none"];
    await docker(["service", "create", "-d", "--name", name, ...once, "host", "true"]);
  }
  await docker(["config", "create", "survey", "-"], "a=1");
  await docker(["secret", "create", "survey", "-"], "a=1");
  await docker(["network", "create", "-d", "overlay", "survey"]);
  await until(30_000, "the survey's tasks", async () => {
    const ended = await docker(["ps", "-aq", "--filter", "name=over.1", "--filter", "exited=0"]);
    return (await cluster.running("web")).length === 2 && ended.out !== "";
  });
}

async function tryFlags(command: Command, docker: Docker): Promise<readonly Finding[]> {
  const { name, flags, always = [] } = command;
  if (flags === undefined) return [];
  const found: Finding[] = [];
  for (const flag of await flagsOf(name, docker)) {
    const sample = flags[flag];
    // A flag that is given every time was tried with the command.
    if (sample === undefined && (always.includes(flag) || OF_THE_CLIENT.has(flag))) continue;
    const what = `${name} ${flag}`;
    if (sample === undefined) {
      found.push({ what, verdict: "untried", reason: "not tried" });
      continue;
    }
    const words = sample === true ? [flag] : [flag, ...sample];
    found.push(finding(what, await tryOnce(command, docker, words)));
  }
  return found;
}

/** Decided by the CLI alone, before or after it asks a server. */
const OF_THE_CLIENT: ReadonlySet<string> = new Set([
  ...["--help", "--follow", "--no-stdin", "--sig-proxy", "--follow-link", "--no-resolve-image"],
]);

let number = 0;

async function tryOnce(
  command: Command,
  docker: Docker,
  flags: readonly string[],
): Promise<Ran & { readonly expected: number }> {
  number += 1;
  const fill = (words: readonly string[]): readonly string[] =>
    words.map((word) => word.replace("{n}", String(number)).replace("{ended}", "over.1"));
  const flagBefore = command.flagBefore?.[flags[0] ?? ""] ?? [];
  for (const before of [...(command.before ?? []), ...flagBefore]) await docker(fill(before));
  const always = command.always ?? [];
  const args = [...command.name.split(" "), ...always, ...flags, ...command.args];
  const ran = await docker(fill(args), command.input);
  for (const after of command.after ?? []) await docker(fill(after));
  return { ...ran, expected: command.code ?? 0 };
}

function finding(what: string, ran: Ran & { readonly expected: number }): Finding {
  if (ran.code === ran.expected) return { what, verdict: "yes", reason: "" };
  const lines = ran.err.split("\n").filter((text) => text.trim() !== "");
  const line = lines.find((text) => text.includes("Error")) ?? lines[0] ?? `exit ${ran.code}`;
  const reason = line.replace(/^.*?(Error response from daemon|Error): /, "").replace(ID, "ID");
  return { what, verdict: "no", reason: reason.replace(NAME, "NAME") };
}

/** Ids and paths differ from run to run. */
const ID = /\b[0-9a-z]{25}\b|\b[0-9a-f]{64}\b/g;

/** Names that the survey gave. */
const NAME = /\b[scn]\d+\b/g;

/** The long names of a command's flags, as its help has them. */
async function flagsOf(name: string, docker: Docker): Promise<readonly string[]> {
  const { out } = await docker([...name.split(" "), "--help"]);
  const found = [...out.matchAll(/^ {2,6}(?:-\w, )?(--[a-z][a-z0-9-]+)/gm)].map(
    (match) => match[1] ?? "",
  );
  return [...new Set(found)];
}

async function tryEndpoints(cluster: LocalCluster): Promise<readonly Finding[]> {
  const [task] = (await cluster.running("web")) as { readonly ID: string }[];
  const found: Finding[] = [];
  for (const { method, path } of ROUTES) {
    const what = `${method} ${path}`;
    if (path.startsWith("/skein/") || path === "/metrics" || path === "/grpc") continue;
    const sample = SAMPLES[what] ?? {};
    const exec = path.startsWith("/exec/") ? await makeExec(cluster) : "";
    const subject = (sample.subject ?? "")
      .replace("{task}", task?.ID ?? "")
      .replace("{exec}", exec)
      .replace("{ended}", "over.1");
    const target = path.replace(/\{\w+\}/, subject);
    const query = sample.query === undefined ? "" : `?${sample.query}`;
    const answer = await cluster.ask(`${method} ${target}${query}`, { body: sample.body });
    const { status, message } = answer;
    const isThere = status < 400 || sample.also?.includes(status) === true;
    const reason = String(message ?? status).replace(ID, "ID");
    if (!isThere) found.push({ what, verdict: "no", reason });
    else if (LIMITED[what] === undefined) found.push({ what, verdict: "yes", reason: "" });
    else found.push({ what, verdict: "limited", reason: LIMITED[what] });
  }
  return found;
}

async function makeExec(cluster: LocalCluster): Promise<string> {
  const body = { Cmd: ["sleep", "1"] };
  const made = await cluster.ask("POST /containers/web.1/exec", { body });
  return (made.body as { readonly Id?: string }).Id ?? "";
}

interface Call {
  readonly cli: string;
  readonly args: readonly string[];
  readonly input: string;
}

function run(cluster: LocalCluster, { cli, args, input }: Call): Promise<Ran> {
  const host = `unix://${join(cluster.stateDir, "skein.sock")}`;
  // The CLI folds its help at the terminal's width: names must stay whole.
  const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: cluster.stateDir };
  return new Promise((resolve, reject) => {
    const child = spawn(cli, args, { env, timeout: 20_000 });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk) => {
      out += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      err += String(chunk);
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 124, out, err }));
  });
}
