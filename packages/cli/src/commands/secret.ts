/** `skein secret …`: values that only nodes with a task using them ever see; Docker's flags. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { textAt } from "../api/read.ts";
import { SECRET_BYTES_MAX } from "../limits.ts";
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

export function addSecret(program: Command): void {
  const secret = program.command("secret").description("Manage secrets");
  secret
    .command("create <secret> <file>")
    .description("Create a secret from a file, or from standard input with -")
    .option("-l, --label <key=value>", "label", collect)
    .addHelpText(
      "after",
      examples("skein secret create motd ./motd.txt", "date | skein secret create built -"),
    )
    .action((name: string, file: string, _flags: unknown, command: Command) =>
      create(name, file, command.optsWithGlobals<CreateFlags>()),
    );
  addListFlags(secret.command("ls").description("List secrets"))
    .addHelpText("after", examples("skein secret ls"))
    .action((_flags: unknown, command: Command) =>
      listSecrets(command.optsWithGlobals<ListFlags>()),
    );
  secret
    .command("inspect <secret...>")
    .description("Show secrets as JSON; Data is base64")
    .addHelpText("after", examples("skein secret inspect motd"))
    .action(async (names: string[], _flags: unknown, command: Command) => {
      const found: unknown[] = [];
      for (const name of names) {
        const what = `inspect secret ${name}`;
        const api = await client(command.optsWithGlobals<GlobalOptions>(), what);
        const path = `/secrets/${encodeURIComponent(name)}`;
        found.push(await call(api, { method: "GET", path }, what));
      }
      print(JSON.stringify(found, null, 2));
    });
  secret
    .command("rm <secret...>")
    .description("Remove secrets")
    .addHelpText("after", examples("skein secret rm motd"))
    .action((names: string[], _flags: unknown, command: Command) =>
      remove(names, command.optsWithGlobals<GlobalOptions>()),
    );
}

async function create(name: string, file: string, flags: CreateFlags): Promise<void> {
  const what = `create secret ${name}`;
  const data = readData(file, what);
  const api = await client(flags, what);
  const body = {
    Name: name,
    Labels: Object.fromEntries((flags.label ?? []).map(keyAndValue)),
    Data: data.toString("base64"),
  };
  const made = await call(api, { method: "POST", path: "/secrets/create", body }, what);
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
  if (data.length <= SECRET_BYTES_MAX) return data;
  const sizes = `${data.length} bytes, at most ${SECRET_BYTES_MAX} are possible`;
  throw new CommandError(`Cannot ${what}: ${file} has ${sizes}: keep it in a file on the nodes`);
}

async function listSecrets(flags: ListFlags): Promise<void> {
  const what = "list secrets";
  const api = await client(flags, what);
  const query = filterQuery(flags.filter ?? [], what);
  const found = await list(api, { path: "/secrets", query }, what);
  const secrets = [...found].sort((a, b) => compareNames(nameOf(a), nameOf(b)));
  if (flags.json === true) return printJson(secrets);
  if (flags.quiet === true) return secrets.forEach((secret) => print(textAt(secret, "ID")));
  const ago = (secret: unknown, key: string): string =>
    `${age(Date.now() - Date.parse(textAt(secret, key)))} ago`;
  const rows = secrets.map((secret) => [
    textAt(secret, "ID").slice(0, 12),
    nameOf(secret),
    ago(secret, "CreatedAt"),
    ago(secret, "UpdatedAt"),
  ]);
  for (const line of table(["ID", "NAME", "CREATED", "UPDATED"], rows)) print(line);
}

async function remove(names: readonly string[], flags: GlobalOptions): Promise<void> {
  const api = await client(flags, `remove secret ${names.join(", ")}`);
  for (const name of names) {
    const path = `/secrets/${encodeURIComponent(name)}`;
    await call(api, { method: "DELETE", path }, `remove secret ${name}`);
    if (flags.json !== true) print(name);
  }
  if (flags.json === true) printJson({ removed: names });
}
