/**
 * `skein config …` and `skein secret …`: small pieces of data that the managers keep, with Docker's
 * nouns and flags. They differ in who gets to see the data, which is the managers' business.
 */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { at, numberAt, textAt } from "../api/read.ts";
import { CONFIG_BYTES_MAX, SECRET_BYTES_MAX } from "../limits.ts";
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

/** The singular, as commands, paths and sentences say it. */
type Noun = "config" | "secret";

const BYTES_MAX: Readonly<Record<Noun, number>> = {
  config: CONFIG_BYTES_MAX,
  secret: SECRET_BYTES_MAX,
};

export function addStoredData(program: Command, noun: Noun): void {
  const stored = program.command(noun).description(`Manage ${noun}s`);
  stored
    .command(`create <${noun}> <file>`)
    .description(`Create a ${noun} from a file, or from standard input with -`)
    .option("-l, --label <key=value>", "label", collect)
    .addHelpText(
      "after",
      examples(`skein ${noun} create motd ./motd.txt`, `date | skein ${noun} create built -`),
    )
    .action((name: string, file: string, _flags: unknown, command: Command) =>
      create(noun, { name, file }, command.optsWithGlobals<CreateFlags>()),
    );
  stored
    .command(`update <${noun}> <file>`)
    .description(`Give a ${noun} another value; services that use it are updated`)
    .addHelpText("after", examples(`skein ${noun} update motd ./motd.txt`))
    .action((name: string, file: string, _flags: unknown, command: Command) =>
      update(noun, { name, file }, command.optsWithGlobals<GlobalOptions>()),
    );
  addListFlags(stored.command("ls").description(`List ${noun}s`))
    .addHelpText("after", examples(`skein ${noun} ls`))
    .action((_flags: unknown, command: Command) =>
      listAll(noun, command.optsWithGlobals<ListFlags>()),
    );
  stored
    .command(`inspect <${noun}...>`)
    .description(`Show ${noun}s as JSON; Data is base64`)
    .addHelpText("after", examples(`skein ${noun} inspect motd`))
    .action((names: string[], _flags: unknown, command: Command) =>
      inspect(noun, names, command.optsWithGlobals<GlobalOptions>()),
    );
  stored
    .command(`rm <${noun}...>`)
    .description(`Remove ${noun}s`)
    .addHelpText("after", examples(`skein ${noun} rm motd`))
    .action((names: string[], _flags: unknown, command: Command) =>
      remove(noun, names, command.optsWithGlobals<GlobalOptions>()),
    );
}

interface Source {
  readonly name: string;
  readonly file: string;
}

async function create(noun: Noun, { name, file }: Source, flags: CreateFlags): Promise<void> {
  const what = `create ${noun} ${name}`;
  const data = readData(file, BYTES_MAX[noun], what);
  const api = await client(flags, what);
  const body = {
    Name: name,
    Labels: Object.fromEntries((flags.label ?? []).map(keyAndValue)),
    Data: data.toString("base64"),
  };
  const made = await call(api, { method: "POST", path: `/${noun}s/create`, body }, what);
  if (flags.json === true) printJson({ id: textAt(made, "ID"), name });
  else print(textAt(made, "ID"));
}

/** At the version that was read: of two who change it at once, one is told. */
async function update(noun: Noun, { name, file }: Source, flags: GlobalOptions): Promise<void> {
  const what = `update ${noun} ${name}`;
  const data = readData(file, BYTES_MAX[noun], what);
  const api = await client(flags, what);
  const path = `/${noun}s/${encodeURIComponent(name)}`;
  const found = await call(api, { method: "GET", path }, what);
  const id = textAt(found, "ID");
  const labels = at(found, "Spec", "Labels");
  const body = { Name: nameOf(found), Labels: labels ?? {}, Data: data.toString("base64") };
  const query = { version: String(numberAt(found, "Version", "Index")) };
  await call(api, { method: "POST", path: `/${noun}s/${id}/update`, query, body }, what);
  if (flags.json === true) printJson({ id, name });
  else print(name);
}

function readData(file: string, bytesMax: number, what: string): Buffer {
  let data: Buffer;
  try {
    data = readFileSync(file === "-" ? 0 : file);
  } catch (error) {
    const code = String(Reflect.get(Object(error), "code"));
    throw new CommandError(`Cannot ${what}: ${file} cannot be read (${code})`);
  }
  if (data.length <= bytesMax) return data;
  const sizes = `${data.length} bytes, at most ${bytesMax} are possible`;
  throw new CommandError(`Cannot ${what}: ${file} has ${sizes}: keep it in a file on the nodes`);
}

async function inspect(noun: Noun, names: readonly string[], flags: GlobalOptions): Promise<void> {
  const found: unknown[] = [];
  for (const name of names) {
    const what = `inspect ${noun} ${name}`;
    const api = await client(flags, what);
    const path = `/${noun}s/${encodeURIComponent(name)}`;
    found.push(await call(api, { method: "GET", path }, what));
  }
  print(JSON.stringify(found, null, 2));
}

async function listAll(noun: Noun, flags: ListFlags): Promise<void> {
  const what = `list ${noun}s`;
  const api = await client(flags, what);
  const query = filterQuery(flags.filter ?? [], what);
  const found = await list(api, { path: `/${noun}s`, query }, what);
  const sorted = [...found].sort((a, b) => compareNames(nameOf(a), nameOf(b)));
  if (flags.json === true) return printJson(sorted);
  if (flags.quiet === true) return sorted.forEach((row) => print(textAt(row, "ID")));
  const ago = (row: unknown, key: string): string =>
    `${age(Date.now() - Date.parse(textAt(row, key)))} ago`;
  const rows = sorted.map((row) => [
    textAt(row, "ID").slice(0, 12),
    nameOf(row),
    ago(row, "CreatedAt"),
    ago(row, "UpdatedAt"),
  ]);
  for (const line of table(["ID", "NAME", "CREATED", "UPDATED"], rows)) print(line);
}

async function remove(noun: Noun, names: readonly string[], flags: GlobalOptions): Promise<void> {
  const api = await client(flags, `remove ${noun} ${names.join(", ")}`);
  for (const name of names) {
    const path = `/${noun}s/${encodeURIComponent(name)}`;
    await call(api, { method: "DELETE", path }, `remove ${noun} ${name}`);
    if (flags.json !== true) print(name);
  }
  if (flags.json === true) printJson({ removed: names });
}
