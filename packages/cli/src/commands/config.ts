/** `skein config …`: small pieces of data kept by the managers; Docker's noun and flags. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { textAt } from "../api/read.ts";
import { CONFIG_BYTES_MAX } from "../limits.ts";
import { age } from "../output/age.ts";
import { table } from "../output/table.ts";
import { call, client, compareNames, filterQuery, list, nameOf } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, print, printJson } from "./context.ts";
import { examples } from "./help.ts";
import type { ListFlags } from "./tasks.ts";
import { addListFlags } from "./tasks.ts";
import { collect, keyAndValue } from "./values.ts";

type CreateFlags = GlobalOptions & { readonly label?: readonly string[] };

export function addConfig(program: Command): void {
  const config = program.command("config").description("Manage configs");
  config
    .command("create <config> <file>")
    .description("Create a config from a file, or from standard input with -")
    .option("-l, --label <key=value>", "label", collect)
    .addHelpText(
      "after",
      examples("skein config create motd ./motd.txt", "date | skein config create built -"),
    )
    .action((name: string, file: string, _flags: unknown, command: Command) =>
      create(name, file, command.optsWithGlobals<CreateFlags>()),
    );
  addListFlags(config.command("ls").description("List configs"))
    .addHelpText("after", examples("skein config ls"))
    .action((_flags: unknown, command: Command) =>
      listConfigs(command.optsWithGlobals<ListFlags>()),
    );
  config
    .command("inspect <config...>")
    .description("Show configs as JSON; Data is base64")
    .addHelpText("after", examples("skein config inspect motd"))
    .action(async (names: string[], _flags: unknown, command: Command) => {
      const found: unknown[] = [];
      for (const name of names) {
        const what = `inspect config ${name}`;
        const api = await client(command.optsWithGlobals<GlobalOptions>(), what);
        const path = `/configs/${encodeURIComponent(name)}`;
        found.push(await call(api, { method: "GET", path }, what));
      }
      print(JSON.stringify(found, null, 2));
    });
  config
    .command("rm <config...>")
    .description("Remove configs")
    .addHelpText("after", examples("skein config rm motd"))
    .action((names: string[], _flags: unknown, command: Command) =>
      remove(names, command.optsWithGlobals<GlobalOptions>()),
    );
}

async function create(name: string, file: string, flags: CreateFlags): Promise<void> {
  const what = `create config ${name}`;
  const data = readData(file, what);
  const api = await client(flags, what);
  const body = {
    Name: name,
    Labels: Object.fromEntries((flags.label ?? []).map(keyAndValue)),
    Data: data.toString("base64"),
  };
  const made = await call(api, { method: "POST", path: "/configs/create", body }, what);
  if (flags.json === true) printJson({ id: textAt(made, "ID"), name });
  else print(textAt(made, "ID"));
}

function readData(file: string, what: string): Buffer {
  let data: Buffer;
  try {
    data = readFileSync(file === "-" ? 0 : file);
  } catch (error) {
    const code = String(Reflect.get(Object(error), "code"));
    throw new CommandError(`Cannot ${what}: ${file} cannot be read (${code})`);
  }
  if (data.length <= CONFIG_BYTES_MAX) return data;
  const sizes = `${data.length} bytes, at most ${CONFIG_BYTES_MAX} are possible`;
  throw new CommandError(`Cannot ${what}: ${file} has ${sizes}: keep it in a file on the nodes`);
}

async function listConfigs(flags: ListFlags): Promise<void> {
  const what = "list configs";
  const api = await client(flags, what);
  const query = filterQuery(flags.filter ?? [], what);
  const found = await list(api, { path: "/configs", query }, what);
  const configs = [...found].sort((a, b) => compareNames(nameOf(a), nameOf(b)));
  if (flags.json === true) return printJson(configs);
  if (flags.quiet === true) return configs.forEach((config) => print(textAt(config, "ID")));
  const ago = (config: unknown, key: string): string =>
    `${age(Date.now() - Date.parse(textAt(config, key)))} ago`;
  const rows = configs.map((config) => [
    textAt(config, "ID").slice(0, 12),
    nameOf(config),
    ago(config, "CreatedAt"),
    ago(config, "UpdatedAt"),
  ]);
  for (const line of table(["ID", "NAME", "CREATED", "UPDATED"], rows)) print(line);
}

async function remove(names: readonly string[], flags: GlobalOptions): Promise<void> {
  const api = await client(flags, `remove config ${names.join(", ")}`);
  for (const name of names) {
    const path = `/configs/${encodeURIComponent(name)}`;
    await call(api, { method: "DELETE", path }, `remove config ${name}`);
    if (flags.json !== true) print(name);
  }
  if (flags.json === true) printJson({ removed: names });
}
