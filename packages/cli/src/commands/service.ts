/** `skein service …` and `skein run`: Docker's nouns and flags. */
import type { Command } from "commander";
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import { table } from "../output/table.ts";
import { call, client, list, versionOf } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, print, printJson } from "./context.ts";
import { converge } from "./converge.ts";
import { addLogs } from "./logs.ts";
import type { EngineSpec, ServiceFlags } from "./service-spec.ts";
import { applyFlags, collect, createSpec, parsePublish } from "./service-spec.ts";
import { printTasks } from "./tasks.ts";
import { duration, wholeNumber } from "./up.ts";

type Flags = GlobalOptions & ServiceFlags & { readonly detach?: boolean; readonly force?: boolean };

const CONVERGE_MS = 120_000;

export function addService(program: Command): void {
  const service = program.command("service").description("Manage services");
  addCreate(service);
  addChange(service);
  addShow(service);
  addLogs(service);
  specFlags(
    program
      .command("run <command...>")
      .description(
        "Run a program as a service: skein run --name web -p 8080:3000 -- node server.js",
      ),
  )
    .passThroughOptions()
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  skein run --name web --replicas 3 -p 8080:3000 -- node server.js\n" +
        "  skein run --name tick -- sh -c 'while true; do date; sleep 1; done'\n",
    )
    .action((words: string[], _flags: unknown, command: Command) =>
      // The caller's directory, not the cluster's: what a person means by a relative path.
      create(words, { workdir: callerDirectory(), ...command.optsWithGlobals<Flags>() }),
    );
}

function addCreate(service: Command): void {
  specFlags(service.command("create <image> [command...]").description("Create a service"))
    .passThroughOptions()
    .addHelpText(
      "after",
      "\nThe image host runs a program of the node itself:\n" +
        "  skein service create --name web --replicas 3 -p 8080:3000 host node server.js\n",
    )
    .action((image: string, words: string[], _flags: unknown, command: Command) =>
      create(words, command.optsWithGlobals<Flags>(), image),
    );
}

function addChange(service: Command): void {
  specFlags(service.command("update <service>").description("Update a service"))
    .option("--force", "replace the tasks even if nothing changed")
    .option("--args <command>", "the new command, separated by spaces")
    .action((name: string, _flags: unknown, command: Command) =>
      update(name, command.optsWithGlobals<Flags & { readonly args?: string }>()),
    );
  service
    .command("scale <service=replicas...>")
    .description("Change the number of replicas")
    .option("-d, --detach", "do not wait")
    .action(async (pairs: string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      for (const pair of pairs) await scale(pair, flags);
    });
  service
    .command("rollback <service>")
    .description("Go back to the former spec")
    .option("-d, --detach", "do not wait")
    .action((name: string, _flags: unknown, command: Command) =>
      rollback(name, command.optsWithGlobals<Flags>()),
    );
  service
    .command("rm <service...>")
    .description("Remove services")
    .action(async (names: string[], _flags: unknown, command: Command) => {
      const api = await client(command.optsWithGlobals<Flags>(), "remove services");
      for (const name of names) {
        const path = `/services/${encodeURIComponent(name)}`;
        await call(api, { method: "DELETE", path }, `remove service ${name}`);
        print(name);
      }
    });
}

function addShow(service: Command): void {
  service
    .command("ls")
    .description("List services")
    .action((_flags: unknown, command: Command) => listServices(command.optsWithGlobals<Flags>()));
  service
    .command("ps <service>")
    .description("List the tasks of a service")
    .action(async (name: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      const api = await client(flags, `list the tasks of ${name}`);
      const path = `/services/${encodeURIComponent(name)}`;
      const found = await call(api, { method: "GET", path }, `list the tasks of ${name}`);
      await printTasks(api, { service: textAt(found, "ID") }, flags);
    });
  service
    .command("inspect <service>")
    .description("Show a service as JSON")
    .action(async (name: string, _flags: unknown, command: Command) => {
      const api = await client(command.optsWithGlobals<Flags>(), `inspect service ${name}`);
      const path = `/services/${encodeURIComponent(name)}?insertDefaults=true`;
      const found = await call(api, { method: "GET", path }, `inspect service ${name}`);
      print(JSON.stringify(found, null, 2));
    });
}

function specFlags(command: Command): Command {
  return command
    .option("--name <name>", "name of the service")
    .option("--replicas <n>", "number of tasks", wholeNumber)
    .option("-p, --publish <port>", "publish a port on every node, such as 8080:3000", parsePublish)
    .option("-e, --env <variable>", "environment, NAME=value", collect)
    .option("--constraint <rule>", "placement, such as node.labels.zone==a", collect)
    .option("--label <label>", "label of the service", collect)
    .option("-w, --workdir <dir>", "directory the program starts in")
    .option("-u, --user <user>", "user the program runs as")
    .option("--stop-signal <signal>", "signal that asks the program to end")
    .option("--stop-grace-period <duration>", "time before it is killed", duration)
    .option("--restart-condition <when>", "none, on-failure or any")
    .option("--restart-delay <duration>", "fixed pause before a restart", duration)
    .option("--restart-max-attempts <n>", "restarts before giving up", wholeNumber)
    .option("--update-parallelism <n>", "tasks replaced at once", wholeNumber)
    .option("--update-delay <duration>", "pause between them", duration)
    .option("--update-order <order>", "stop-first or start-first")
    .option("--update-failure-action <action>", "pause, continue or rollback")
    .option("--replicas-max-per-node <n>", "at most so many tasks on one node", wholeNumber)
    .option("-d, --detach", "return at once");
}

async function create(words: readonly string[], flags: Flags, image = "host"): Promise<void> {
  const what = `create service ${flags.name ?? ""}`.trimEnd();
  const api = await client(flags, what);
  const spec = createSpec(words, flags);
  Object.assign(Object(at(spec, "TaskTemplate", "ContainerSpec")), { Image: image });
  const made = await call(api, { method: "POST", path: "/services/create", body: spec }, what);
  const id = textAt(made, "ID");
  for (const warning of listAt(made, "Warnings")) process.stderr.write(`${String(warning)}\n`);
  await finish(flags, id, flags.name ?? id);
}

async function update(name: string, flags: Flags & { readonly args?: string }): Promise<void> {
  const what = `update service ${name}`;
  const found = await get(flags, name, what);
  const spec = structuredClone(at(found, "Spec")) as EngineSpec;
  const { name: rename, ...changes } = flags;
  if (rename !== undefined && rename !== textAt(found, "Spec", "Name")) {
    throw new CommandError(`Cannot update service ${name}: renaming services is not supported`);
  }
  applyFlags(spec, changes);
  if (flags.publish !== undefined) spec["EndpointSpec"] = { Mode: "vip", Ports: flags.publish };
  const task = Object(spec["TaskTemplate"]);
  if (flags.force === true) Object.assign(task, { ForceUpdate: numberAt(task, "ForceUpdate") + 1 });
  if (flags.args !== undefined) {
    Object.assign(Object(at(task, "ContainerSpec")), { Args: flags.args.split(/\s+/) });
  }
  await post(flags, found, spec, what);
  await finish(flags, textAt(found, "ID"), name);
}

async function scale(pair: string, flags: Flags): Promise<void> {
  const match = /^(.+)=(\d+)$/.exec(pair);
  if (match === null) {
    throw new CommandError(`Cannot scale ${pair}: write it as <service>=<replicas>, such as web=5`);
  }
  const [, name = "", replicas = ""] = match;
  const what = `scale service ${name}`;
  const found = await get(flags, name, what);
  const spec = structuredClone(at(found, "Spec")) as EngineSpec;
  applyFlags(spec, { replicas: Number(replicas) });
  await post(flags, found, spec, what);
  await finish(flags, textAt(found, "ID"), name);
}

async function rollback(name: string, flags: Flags): Promise<void> {
  const what = `roll service ${name} back`;
  const api = await client(flags, what);
  const found = await get(flags, name, what);
  const path = `/services/${textAt(found, "ID")}/update`;
  const query = { version: versionOf(found), rollback: "previous" };
  await call(api, { method: "POST", path, query, body: at(found, "Spec") }, what);
  await finish(flags, textAt(found, "ID"), name);
}

async function get(flags: Flags, name: string, what: string): Promise<unknown> {
  const api = await client(flags, what);
  return call(api, { method: "GET", path: `/services/${encodeURIComponent(name)}` }, what);
}

async function post(flags: Flags, found: unknown, spec: EngineSpec, what: string): Promise<void> {
  const api = await client(flags, what);
  const path = `/services/${textAt(found, "ID")}/update`;
  const query = { version: versionOf(found) };
  await call(api, { method: "POST", path, query, body: spec }, what);
}

async function finish(flags: Flags, serviceId: string, name: string): Promise<void> {
  if (flags.detach !== true) {
    const api = await client(flags, `watch service ${name}`);
    const quiet = flags.json === true || process.stderr.isTTY !== true;
    await converge({ api, serviceId, name, quiet, timeoutMs: CONVERGE_MS });
  }
  if (flags.json === true) printJson({ id: serviceId, name });
  else print(flags.detach === true ? serviceId : `${name} is running.`);
}

async function listServices(flags: Flags): Promise<void> {
  const api = await client(flags, "list services");
  const services = await list(api, "/services?status=true", "list services");
  if (flags.json === true) {
    printJson(services);
    return;
  }
  const rows = services.map((service) => [
    textAt(service, "ID").slice(0, 12),
    textAt(service, "Spec", "Name"),
    `${numberAt(service, "ServiceStatus", "RunningTasks")}/${numberAt(service, "ServiceStatus", "DesiredTasks")}`,
    listAt(service, "Spec", "TaskTemplate", "ContainerSpec", "Args").map(String).join(" "),
    listAt(service, "Endpoint", "Ports").map(portText).join(", "),
  ]);
  for (const line of table(["ID", "NAME", "REPLICAS", "COMMAND", "PORTS"], rows)) print(line);
}

function portText(port: unknown): string {
  return `*:${numberAt(port, "PublishedPort")}->${numberAt(port, "TargetPort")}/${textAt(port, "Protocol")}`;
}

function callerDirectory(): string {
  return process.env["INIT_CWD"] ?? process.cwd();
}
