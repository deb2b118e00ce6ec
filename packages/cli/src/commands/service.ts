/** `skein service …` and `skein run`: Docker's nouns and flags. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import { table } from "../output/table.ts";
import {
  call,
  change,
  client,
  compareNames,
  filterQuery,
  list,
  listAtTime,
  nameOf,
} from "./calls.ts";
import { printChanges } from "./changes.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, print, printJson, remark } from "./context.ts";
import { converge } from "./converge.ts";
import { examples } from "./help.ts";
import { addLogs } from "./logs.ts";
import type { NetworkEdits } from "./network-flags.ts";
import { networkIds } from "./network-flags.ts";
import { addServiceTop } from "./service-top.ts";
import type { EngineSpec } from "./spec.ts";
import { containerOf, emptySpec, objectAt } from "./spec.ts";
import { addSpecFlags, writeFlags } from "./spec-flags.ts";
import type { ListFlags } from "./tasks.ts";
import { addListFlags, printTasks } from "./tasks.ts";

type Flags = GlobalOptions & {
  readonly name?: string;
  readonly workdir?: string;
  readonly detach?: boolean;
  readonly quiet?: boolean;
};
type UpdateFlags = Flags & {
  readonly to?: string;
  readonly force?: boolean;
  readonly rollback?: boolean;
  readonly args?: string;
  readonly image?: string;
} & NetworkEdits;

const DETACH = ["-d, --detach", "return at once, do not wait until it runs"] as const;
const QUIET = ["-q, --quiet", "no progress"] as const;

export function addService(program: Command): void {
  const service = program.command("service").description("Manage services");
  addCreate(service);
  addChange(service);
  addEnd(service);
  addShow(service);
  addLogs(service);
  addServiceTop(service);
  addRun(program);
}

function addRun(program: Command): void {
  const run = program
    .command("run <command...>")
    .description("Run a program as a service, from the directory you are in")
    .option("--name <name>", "name of the service");
  addSpecFlags(run, "create")
    .option(...DETACH)
    .option(...QUIET)
    .passThroughOptions()
    .addHelpText(
      "after",
      examples(
        "skein run --name web --replicas 3 -p 8080:3000 -- node server.js",
        "skein run --name tick -- sh -c 'while true; do date; sleep 1; done'",
      ),
    )
    .action((words: string[], _flags: unknown, command: Command) =>
      // The caller's directory, not the cluster's: what a person means by a relative path.
      create("host", words, inOwnDirectory(command.optsWithGlobals<Flags>())),
    );
}

function addCreate(service: Command): void {
  const command = service
    .command("create <image> [command...]")
    .description("Create a service; the image host runs a program of the node itself")
    .option("--name <name>", "name of the service");
  addSpecFlags(command, "create")
    .option(...DETACH)
    .option(...QUIET)
    .passThroughOptions()
    .addHelpText(
      "after",
      examples(
        "skein service create --name web --replicas 3 -p 8080:3000 host node server.js",
        "skein service create --name db --constraint node.hostname==worker-1 host ./db",
      ),
    )
    .action((image: string, words: string[], _flags: unknown, self: Command) =>
      create(image, words, self.optsWithGlobals<Flags>()),
    );
}

function addChange(service: Command): void {
  addSpecFlags(service.command("update <service>").description("Change a service"), "update")
    .option("--args <command>", "the new command, words separated by spaces")
    .option("--image <image>", "the new image")
    .option("--force", "replace the tasks even if nothing changed")
    .option("--rollback", "go back to the former spec")
    .option(...DETACH)
    .option(...QUIET)
    .addHelpText(
      "after",
      examples(
        "skein service update --env-add GREETING=hi --update-order start-first web",
        "skein service update --args 'node server.js --verbose' web",
        "skein service update --publish-add 8081:3000 web",
        "skein service update --update-order blue-green --env-add VERSION=2 web",
      ),
    )
    .action((name: string, _flags: unknown, command: Command) =>
      update(name, command.optsWithGlobals<UpdateFlags>()),
    );
  service
    .command("scale <service=replicas...>")
    .description("Change the number of replicas")
    .option(...DETACH)
    .addHelpText("after", examples("skein service scale web=5", "skein service scale web=2 api=4"))
    .action((pairs: string[], _flags: unknown, command: Command) =>
      scale(pairs, command.optsWithGlobals<Flags>()),
    );
  service
    .command("rollback <service>")
    .description("Go back to the former spec, or to any of its history")
    .option("--to <version>", "as service history shows it")
    .option(...DETACH)
    .option(...QUIET)
    .addHelpText(
      "after",
      examples("skein service rollback web", "skein service rollback --to 42 web"),
    )
    .action((name: string, _flags: unknown, command: Command) =>
      update(name, { ...command.optsWithGlobals<UpdateFlags>(), rollback: true }),
    );
  service
    .command("history <service>")
    .description("List its versions, newest first, with what each changed")
    .addHelpText("after", examples("skein service history web"))
    .action((name: string, _flags: unknown, command: Command) =>
      history(name, command.optsWithGlobals<Flags>()),
    );
}

function addEnd(service: Command): void {
  service
    .command("rename <service> <name>")
    .description("Say how a service gets another name: it cannot be renamed")
    .addHelpText("after", examples("skein service rename web www"))
    .action((name: string, other: string) => {
      throw renameRefused(name, other);
    });
  service
    .command("rm <service...>")
    .description("Remove services")
    .addHelpText("after", examples("skein service rm web"))
    .action((names: string[], _flags: unknown, command: Command) =>
      remove(names, command.optsWithGlobals<Flags>()),
    );
}

function addShow(service: Command): void {
  addListFlags(service.command("ls").description("List services"))
    .addHelpText("after", examples("skein service ls", "skein service ls --filter name=web"))
    .action((_flags: unknown, command: Command) =>
      listServices(command.optsWithGlobals<ListFlags>()),
    );
  addListFlags(service.command("ps <service...>").description("List the tasks of services"))
    .option("--no-trunc", "whole ids")
    .addHelpText(
      "after",
      examples("skein service ps web", "skein service ps --filter desired-state=running web"),
    )
    .action(async (names: string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ListFlags>();
      const what = `list the tasks of ${names.join(", ")}`;
      const api = await client(flags, what);
      const ids: string[] = [];
      for (const name of names) {
        const path = `/services/${encodeURIComponent(name)}`;
        ids.push(`service=${textAt(await call(api, { method: "GET", path }, what), "ID")}`);
      }
      await printTasks(api, ids, flags);
    });
  service
    .command("inspect <service...>")
    .description("Show services as JSON")
    .addHelpText("after", examples("skein service inspect web"))
    .action(async (names: string[], _flags: unknown, command: Command) => {
      const what = `inspect service ${names.join(", ")}`;
      const api = await client(command.optsWithGlobals<Flags>(), what);
      const found: unknown[] = [];
      for (const name of names) {
        const path = `/services/${encodeURIComponent(name)}?insertDefaults=true`;
        found.push(await call(api, { method: "GET", path }, what));
      }
      print(JSON.stringify(found, null, 2));
    });
}

/** Docker has no such command, and refuses it without a word of how it is done. */
export function renameRefused(name: string, other: string): CommandError {
  return new CommandError(
    `Cannot rename service ${name}: its tasks, addresses and names in DNS go by the name: create ` +
      `${other} beside it, move its ports (skein service update --publish-rm PORT ${name}, ` +
      `--publish-add PORT ${other}), then skein service rm ${name}`,
  );
}

/** A relative directory is relative to the caller, who knows no other. */
function inOwnDirectory(flags: Flags): Flags {
  return { ...flags, workdir: resolve(flags.workdir ?? ".") };
}

async function create(image: string, words: readonly string[], flags: Flags): Promise<void> {
  const what = `create service ${flags.name ?? ""}`.trimEnd();
  const api = await client(flags, what);
  const spec = emptySpec(image, words, flags.name ?? "");
  writeFlags(spec, flags);
  const body = spec;
  const made = await call(api, { method: "POST", path: "/services/create", body }, what);
  warn(made);
  await finish(flags, [textAt(made, "ID")]);
}

async function update(name: string, flags: UpdateFlags): Promise<void> {
  const what = `${flags.rollback === true ? "roll back" : "update"} service ${name}`;
  const api = await client(flags, what);
  const given = { ...flags, ...(await networkIds(api, flags, what)) };
  const { found, answer } = await change({
    api,
    kind: "services",
    name,
    what,
    ...(flags.rollback === true ? { query: rollbackQuery(flags) } : {}),
    edit: (service) => (flags.rollback === true ? at(service, "Spec") : edited(service, given)),
  });
  warn(answer);
  await finish(flags, [textAt(found, "ID")]);
}

export function edited(service: unknown, flags: UpdateFlags): EngineSpec {
  // A copy of what the API sent: JSON, with string keys.
  const spec = structuredClone(at(service, "Spec")) as EngineSpec;
  writeFlags(spec, flags);
  const container = containerOf(spec);
  if (flags.args !== undefined) container["Args"] = flags.args.split(/\s+/).filter((word) => word);
  if (flags.image !== undefined) container["Image"] = flags.image;
  if (flags.force === true) {
    const task = objectAt(spec, "TaskTemplate");
    task["ForceUpdate"] = numberAt(task, "ForceUpdate") + 1;
  }
  return spec;
}

function rollbackQuery({ to }: UpdateFlags): Readonly<Record<string, string>> {
  return { rollback: "previous", ...(to === undefined ? {} : { to }) };
}

async function history(name: string, flags: Flags): Promise<void> {
  const what = `show the history of service ${name}`;
  const api = await client(flags, what);
  const path = `/skein/v1/history/${encodeURIComponent(name)}`;
  const versions = await list(api, { path }, what);
  if (flags.json === true) return printJson(versions);
  for (const version of versions) {
    const until = textAt(version, "until");
    const when = until === "" ? "in force" : `until ${until.slice(0, 19).replace("T", " ")}`;
    print(`version ${numberAt(version, "version")} (${when})`);
    printChanges(listAt(version, "changes"));
  }
}

async function scale(pairs: readonly string[], flags: Flags): Promise<void> {
  const wanted = pairs.map((pair) => {
    const match = /^(.+)=(\d{1,9})$/.exec(pair);
    if (match !== null) return { name: match[1] ?? "", replicas: Number(match[2]) };
    throw new CommandError(`Cannot scale ${pair}: write it as <service>=<replicas>, as in web=5`);
  });
  const ids: string[] = [];
  for (const { name, replicas } of wanted) {
    const what = `scale service ${name}`;
    const api = await client(flags, what);
    const edit = (service: unknown): unknown => edited(service, { ...flags, ...{ replicas } });
    const { found } = await change({ api, kind: "services", name, what, edit });
    ids.push(textAt(found, "ID"));
  }
  await finish(flags, ids);
}

async function remove(names: readonly string[], flags: Flags): Promise<void> {
  const api = await client(flags, `remove service ${names.join(", ")}`);
  for (const name of names) {
    const path = `/services/${encodeURIComponent(name)}`;
    await call(api, { method: "DELETE", path }, `remove service ${name}`);
    if (flags.json !== true) print(name);
  }
  if (flags.json === true) printJson({ removed: names });
}

/** Waits unless told not to, and says where the services answer. */
async function finish(flags: Flags, ids: readonly string[]): Promise<void> {
  const done: { readonly id: string; readonly name: string }[] = [];
  for (const id of ids) {
    const api = await client(flags, `watch service ${id}`);
    const path = `/services/${id}`;
    const service = await call(api, { method: "GET", path }, `watch service ${id}`);
    const name = nameOf(service);
    done.push({ id, name });
    if (flags.detach === true) {
      if (flags.json !== true) print(id);
      continue;
    }
    const running = await converge({ api, id, name, quiet: flags.quiet === true });
    if (flags.json !== true) print(`${name} is ${running.text}`);
  }
  if (flags.json === true) printJson(done.length === 1 ? done[0] : done);
}

function warn(answer: unknown): void {
  for (const warning of listAt(answer, "Warnings")) remark(String(warning));
}

async function listServices(flags: ListFlags): Promise<void> {
  const what = "list services";
  const api = await client(flags, what);
  const query = { status: "true", ...filterQuery(flags.filter ?? [], what) };
  const found =
    flags.at === undefined
      ? await list(api, { path: "/services", query }, what)
      : await listAtTime(api, { list: "services", time: flags.at }, what);
  const services = [...found].sort((a, b) => compareNames(nameOf(a), nameOf(b)));
  if (flags.json === true) return printJson(services);
  if (flags.quiet === true) return services.forEach((service) => print(textAt(service, "ID")));
  const rows = services.map((service) => [
    textAt(service, "ID").slice(0, 12),
    nameOf(service),
    ["RunningTasks", "DesiredTasks"]
      .map((key) => numberAt(service, "ServiceStatus", key))
      .join("/"),
    commandText(service),
    listAt(service, "Endpoint", "Ports").map(portText).join(", "),
  ]);
  for (const line of table(["ID", "NAME", "REPLICAS", "COMMAND", "PORTS"], rows)) print(line);
}

function commandText(service: unknown): string {
  const container = at(service, "Spec", "TaskTemplate", "ContainerSpec");
  const words = [...listAt(container, "Command"), ...listAt(container, "Args")].map(String);
  const text = words.join(" ").replaceAll(/\s+/g, " ");
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

export function portText(port: unknown): string {
  const [published, target] = [numberAt(port, "PublishedPort"), numberAt(port, "TargetPort")];
  return `*:${published}->${target}/${textAt(port, "Protocol")}`;
}
