/** `skein stack …`: what a Compose file asks for, deployed, changed and taken back as one. */
import { existsSync } from "node:fs";
import type { Tree } from "@skein/common/compose/tree";
import type { Command } from "commander";
import { stringify } from "yaml";
import type { ApiClient } from "../api/client.ts";
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import { age } from "../output/age.ts";
import { table } from "../output/table.ts";
import { plural } from "../output/text.ts";
import { diffLines } from "../stack/diff.ts";
import type { LoadedStack } from "../stack/load.ts";
import { loadStack } from "../stack/load.ts";
import { call, client, list } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, colours, print, printJson, remark } from "./context.ts";
import { converge } from "./converge.ts";
import { examples } from "./help.ts";
import type { ListFlags } from "./tasks.ts";
import { printTasks } from "./tasks.ts";
import { collect, wholeNumber } from "./values.ts";

type FileFlags = GlobalOptions & {
  readonly composeFile?: readonly string[];
  readonly envFile?: readonly string[];
  readonly profile?: readonly string[];
};
type DeployFlags = FileFlags & {
  readonly plan?: boolean;
  readonly detach?: boolean;
  readonly note?: string;
};

const LABEL = "com.docker.stack.namespace";
const DEFAULT_FILES = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
const OVERRIDES = ["compose.override.yaml", "compose.override.yml"];

export function addStack(program: Command): void {
  const stack = program.command("stack").description("Manage stacks of services");
  addDeploy(stack);
  addShow(stack);
  addBack(stack);
}

function addFileFlags(command: Command): Command {
  return command
    .option("-c, --compose-file <file>", "Compose file, or - (may be repeated)", collect)
    .option("--env-file <file>", "variables, instead of .env (may be repeated)", collect)
    .option("--profile <name>", "services of a profile too (may be repeated)", collect);
}

function addDeploy(stack: Command): void {
  addFileFlags(stack.command("deploy [stack]"))
    .description("Deploy a Compose file as one, or change what is there to what it says")
    .option("--plan", "say what would be done, and do nothing")
    .option("-d, --detach", "return at once, do not wait until it runs")
    .option("--note <text>", "what the revision is for")
    .addHelpText(
      "after",
      examples("skein stack deploy -c compose.yml shop", "skein stack deploy --plan shop"),
    )
    .action((name: string | undefined, _flags: unknown, command: Command) =>
      deploy(name, command.optsWithGlobals<DeployFlags>()),
    );
  addFileFlags(stack.command("config"))
    .description("Show the file that would be deployed: merged, with its variables filled in")
    .addHelpText("after", examples("skein stack config -c compose.yml -c production.yml"))
    .action((_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<FileFlags>();
      const { tree } = load(flags, "show the stack's file");
      if (flags.json === true) printJson(tree);
      else process.stdout.write(stringify(tree));
    });
}

function addShow(stack: Command): void {
  stack
    .command("ls")
    .description("List stacks")
    .addHelpText("after", examples("skein stack ls"))
    .action((_flags: unknown, command: Command) =>
      listStacks(command.optsWithGlobals<GlobalOptions>()),
    );
  stack
    .command("ps <stack>")
    .description("List the tasks of a stack")
    .option("--no-trunc", "whole ids")
    .addHelpText("after", examples("skein stack ps shop"))
    .action(async (name: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ListFlags>();
      const api = await client(flags, `list the tasks of stack ${name}`);
      await printTasks(api, [`label=${LABEL}=${name}`], flags);
    });
  stack
    .command("services <stack>")
    .description("List the services of a stack")
    .addHelpText("after", examples("skein stack services shop"))
    .action((name: string, _flags: unknown, command: Command) =>
      listServices(name, command.optsWithGlobals<GlobalOptions>()),
    );
  stack
    .command("history <stack>")
    .description("List the revisions that are kept")
    .addHelpText("after", examples("skein stack history shop"))
    .action((name: string, _flags: unknown, command: Command) =>
      history(name, command.optsWithGlobals<GlobalOptions>()),
    );
  stack
    .command("diff <stack> [from] [to]")
    .description("Show what changed between two revisions (the last two)")
    .addHelpText("after", examples("skein stack diff shop", "skein stack diff shop 3 5"))
    .action((...given: unknown[]) => {
      // The command comes last, whatever number of arguments there are.
      const command = given.at(-1) as Command;
      const [name = "", from, to] = command.args;
      return diff(name, [from, to], command.optsWithGlobals<GlobalOptions>());
    });
}

function addBack(stack: Command): void {
  stack
    .command("rollback <stack>")
    .description("Deploy an earlier revision again")
    .option("--to <revision>", "which one (the one before)", wholeNumber)
    .option("-d, --detach", "return at once, do not wait until it runs")
    .addHelpText("after", examples("skein stack rollback shop", "skein stack rollback --to 3 shop"))
    .action(async (name: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<DeployFlags & { readonly to?: number }>();
      const what = `roll back stack ${name}`;
      const api = await client(flags, what);
      const query = flags.to === undefined ? {} : { to: String(flags.to) };
      const path = `/skein/v1/stacks/${encodeURIComponent(name)}/rollback`;
      const answer = await call(api, { method: "POST", path, query }, what);
      await told(api, answer, flags);
    });
  stack
    .command("rm <stack...>")
    .description("Remove stacks with all that belongs to them")
    .addHelpText("after", examples("skein stack rm shop"))
    .action(async (names: string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalOptions>();
      for (const name of names) {
        const what = `remove stack ${name}`;
        const api = await client(flags, what);
        const path = `/skein/v1/stacks/${encodeURIComponent(name)}`;
        const answer = await call(api, { method: "DELETE", path }, what);
        if (flags.json === true) printJson(answer);
        else printChanges(answer);
      }
    });
}

function load(flags: FileFlags, what: string): LoadedStack {
  const found = DEFAULT_FILES.find((file) => existsSync(file));
  const standard = found === undefined ? [] : [found, ...OVERRIDES.filter(existsSync)];
  const files = flags.composeFile ?? standard;
  if (files.length === 0) {
    throw new CommandError(`Cannot ${what}: there is no ${DEFAULT_FILES[0]} here: -c FILE`);
  }
  const environment = new Map(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    ),
  );
  const options = {
    files,
    envFiles: flags.envFile ?? [],
    profiles: flags.profile ?? process.env["COMPOSE_PROFILES"]?.split(",") ?? [],
    environment,
  };
  const loaded = loadStack(options);
  if (!loaded.ok) throw new CommandError(`Cannot ${what}:${lines(loaded.error)}`);
  for (const name of loaded.value.unset) remark(`variable ${name} is not set: taken for empty`);
  return loaded.value;
}

function lines(all: readonly string[]): string {
  const [only] = all;
  return all.length === 1 ? ` ${only}` : all.map((line) => `\n  ${line}`).join("");
}

async function deploy(given: string | undefined, flags: DeployFlags): Promise<void> {
  const stack = load(flags, `deploy stack ${given ?? ""}`.trim());
  const name = given ?? stack.name;
  const what = `deploy stack ${name}`;
  const api = await client(flags, what);
  const body = {
    Compose: stack.tree,
    Configs: contentsOf(stack, "configs"),
    Secrets: contentsOf(stack, "secrets"),
    ...(flags.note === undefined ? {} : { Note: flags.note }),
  };
  const path = `/skein/v1/stacks/${encodeURIComponent(name)}`;
  const query = flags.plan === true ? { "dry-run": "1" } : {};
  const answer = await call(api, { method: "POST", path, query, body }, what);
  for (const row of listAt(answer, "Ignored")) {
    remark(`${textAt(row, "Path")} has no effect: ${textAt(row, "Reason")}`);
  }
  for (const warning of listAt(answer, "Warnings")) remark(String(warning));
  await told(api, answer, flags);
}

function contentsOf(stack: LoadedStack, kind: "configs" | "secrets"): Record<string, string> {
  const own = stack.contents.filter((one) => one.kind === kind);
  return Object.fromEntries(own.map((one) => [one.key, Buffer.from(one.data).toString("base64")]));
}

/** What was done; then, unless told otherwise, until every service runs as asked. */
async function told(api: ApiClient, answer: unknown, flags: DeployFlags): Promise<void> {
  if (flags.json === true) printJson(answer);
  else printChanges(answer);
  if (flags.plan === true || flags.detach === true) return;
  for (const row of listAt(answer, "Changes")) {
    if (textAt(row, "Kind") !== "service" || textAt(row, "Action") === "remove") continue;
    const name = textAt(row, "Name");
    const done = await converge({ api, id: name, name, quiet: flags.json === true });
    if (flags.json !== true) print(`${name} ${done.text}`);
  }
}

const SIGNS: Readonly<Record<string, string>> = { create: "+", update: "~", remove: "-" };

function printChanges(answer: unknown): void {
  const changes = listAt(answer, "Changes");
  for (const row of changes) {
    const sign = SIGNS[textAt(row, "Action")];
    if (sign === undefined) continue;
    print(`${paint(sign)} ${textAt(row, "Kind")} ${textAt(row, "Name")}`);
  }
  const kept = changes.filter((row) => textAt(row, "Action") === "keep").length;
  if (kept > 0) print(`= ${plural(kept, "object")} unchanged`);
}

function paint(sign: string): string {
  if (sign === "+") return colours.green(sign);
  return sign === "-" ? colours.red(sign) : colours.yellow(sign);
}

async function listStacks(flags: GlobalOptions): Promise<void> {
  const what = "list stacks";
  const stacks = await list(await client(flags, what), { path: "/skein/v1/stacks" }, what);
  if (flags.json === true) return printJson(stacks);
  const rows = stacks.map((stack) => {
    const revision = numberAt(stack, "Revision");
    const since = Date.parse(textAt(stack, "UpdatedAt"));
    return [
      textAt(stack, "Name"),
      String(numberAt(stack, "Services")),
      revision === 0 ? "-" : String(revision),
      Number.isNaN(since) ? "-" : `${age(Date.now() - since)} ago`,
    ];
  });
  for (const line of table(["NAME", "SERVICES", "REVISION", "UPDATED"], rows)) print(line);
}

async function listServices(name: string, flags: GlobalOptions): Promise<void> {
  const what = `list the services of stack ${name}`;
  const api = await client(flags, what);
  const filters = JSON.stringify({ label: { [`${LABEL}=${name}`]: true } });
  const services = await list(api, { path: "/services", query: { filters, status: "1" } }, what);
  if (flags.json === true) return printJson(services);
  const rows = services.map((service) => [
    textAt(service, "ID").slice(0, 12),
    textAt(service, "Spec", "Name"),
    Object.keys(Object(at(service, "Spec", "Mode")))[0] ?? "",
    `${numberAt(service, "ServiceStatus", "RunningTasks")}/` +
      `${numberAt(service, "ServiceStatus", "DesiredTasks")}`,
  ]);
  for (const line of table(["ID", "NAME", "MODE", "REPLICAS"], rows)) print(line);
}

async function revisionsOf(name: string, flags: GlobalOptions): Promise<readonly unknown[]> {
  const what = `look at stack ${name}`;
  const path = `/skein/v1/stacks/${encodeURIComponent(name)}`;
  const stack = await call(await client(flags, what), { method: "GET", path }, what);
  return listAt(stack, "Revisions");
}

async function history(name: string, flags: GlobalOptions): Promise<void> {
  const revisions = await revisionsOf(name, flags);
  if (flags.json === true) return printJson(revisions);
  const rows = revisions
    .toReversed()
    .map((revision) => [
      String(numberAt(revision, "Number")),
      `${age(Date.now() - Date.parse(textAt(revision, "At")))} ago`,
      textAt(revision, "Note"),
    ]);
  for (const line of table(["REVISION", "WHEN", "NOTE"], rows)) print(line);
}

async function diff(
  name: string,
  [from, to]: readonly [string | undefined, string | undefined],
  flags: GlobalOptions,
): Promise<void> {
  const revisions = await revisionsOf(name, flags);
  const find = (wanted: string | undefined, standard: number): unknown => {
    const found =
      wanted === undefined
        ? revisions.at(standard)
        : revisions.find((one) => numberAt(one, "Number") === Number(wanted));
    if (found !== undefined) return found;
    const kept = revisions.map((one) => numberAt(one, "Number")).join(", ");
    const what = wanted === undefined ? "there is only one revision" : `no revision ${wanted}`;
    throw new CommandError(`Cannot compare revisions of stack ${name}: ${what}; kept are ${kept}`);
  };
  const [older, newer] = [find(from, -2), find(to, -1)];
  // The API's JSON: maps, lists and scalars only.
  const text = (revision: unknown): string => stringify(at(revision, "Compose") as Tree);
  for (const line of diffLines(text(older), text(newer))) {
    if (line.startsWith("+")) print(colours.green(line));
    else print(line.startsWith("-") ? colours.red(line) : line);
  }
}
